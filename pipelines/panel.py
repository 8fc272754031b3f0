"""A few test images with truth and prediction, kept with a final for the comparison's page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.images import resize_image, resize_labels
from faceseg.data.split import Split
from faceseg.predictor import Predictor

SHOWN = 6
SIDE = 192  # pixels of a picture's longer side in the panel, unless it is smaller


@dataclass(frozen=True)
class Panel:
    """`ids`, and by id the image (H, W, 3), its truth (H, W) and the prediction (H, W)."""

    ids: tuple[str, ...]
    images: dict[str, NDArray[np.uint8]]
    truths: dict[str, NDArray[np.uint8]]
    predictions: dict[str, NDArray[np.uint8]]


def chosen(count: int) -> list[int]:
    """Return the places of the pictures shown, spread evenly over `count` images."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(SHOWN, count))})


def write_panel(path: Path, predictor: Predictor, split: Split) -> None:
    """Predict the chosen images and store all three, shrunk to `SIDE`, in one npz."""
    arrays: dict[str, NDArray[np.uint8]] = {}
    ids = []
    for place in chosen(len(split)):
        image, truth = split.original(place)
        size = _shown_size(image.shape[:2])
        name = split.ids[place]
        ids.append(name)
        arrays[f"image/{name}"] = resize_image(image, size)
        arrays[f"truth/{name}"] = resize_labels(truth, size)
        arrays[f"prediction/{name}"] = resize_labels(predictor.predict(image), size)
    np.savez_compressed(path, allow_pickle=False, ids=np.array(ids), **arrays)


def read_panel(path: Path) -> Panel:
    """Read what `write_panel` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        ids = tuple(str(name) for name in stored["ids"])
        return Panel(
            ids,
            {name: stored[f"image/{name}"] for name in ids},
            {name: stored[f"truth/{name}"] for name in ids},
            {name: stored[f"prediction/{name}"] for name in ids},
        )


def _shown_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
