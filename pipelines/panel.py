"""Test images with truth and prediction, kept with a final for the comparison's page.

Some are the same for every network, to be compared; some are the network's own worst.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.photos import photo_of
from faceseg.data.split import Split
from faceseg.evaluation import Evaluation
from faceseg.metrics import per_image_iou
from faceseg.predictor import Predictor

SHOWN = 6
WORST = 3
SIDE = 192  # pixels of a picture's longer side in the panel, unless it is smaller


@dataclass(frozen=True)
class Panel:
    """`ids` are shown of every network, `worst` of this one, its lowest IoU first.

    By id the image (H, W, 3), its truth (H, W) and the prediction (H, W).
    """

    ids: tuple[str, ...]
    images: dict[str, NDArray[np.uint8]]
    truths: dict[str, NDArray[np.uint8]]
    predictions: dict[str, NDArray[np.uint8]]
    worst: tuple[str, ...] = ()


def chosen(count: int) -> list[int]:
    """Return the places of the pictures shown, spread evenly over `count` images."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(SHOWN, count))})


def worst_places(tested: Evaluation, classes: ClassSet) -> list[int]:
    """Return the places of the images of lowest IoU, lowest first, one a photograph at most.

    Images whose truth is all background have no IoU and are left out.
    """
    scores = per_image_iou(tested.counts, classes)
    places: dict[str, int] = {}
    for place in np.argsort(scores, kind="stable").tolist():
        if np.isfinite(scores[place]):
            places.setdefault(photo_of(tested.ids[place]), place)
    return list(places.values())[:WORST]


def write_panel(
    path: Path, predictor: Predictor, split: Split, tested: Evaluation | None = None
) -> None:
    """Store images, truths and predictions, shrunk to `SIDE`, in one npz.

    tested: what the predictor was counted on this split; without it the worst are not known.
    """
    shown = chosen(len(split))
    worst = worst_places(tested, predictor.classes) if tested else []
    arrays: dict[str, NDArray[np.uint8]] = {}
    for place in sorted({*shown, *worst}):
        image, truth = split.original(place)
        size = _shown_size(image.shape[:2])
        name = split.ids[place]
        arrays[f"image/{name}"] = resize_image(image, size)
        arrays[f"truth/{name}"] = resize_labels(truth, size)
        arrays[f"prediction/{name}"] = resize_labels(predictor.predict(image), size)
    names = {
        key: np.array([split.ids[place] for place in places], dtype=np.str_)
        for key, places in (("ids", shown), ("worst", worst))
    }
    np.savez_compressed(path, allow_pickle=False, **names, **arrays)


def read_panel(path: Path) -> Panel:
    """Read what `write_panel` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        ids, worst = (
            tuple(str(name) for name in stored[key]) if key in stored else ()
            for key in ("ids", "worst")
        )
        kept = dict.fromkeys((*ids, *worst))
        return Panel(
            ids,
            {name: stored[f"image/{name}"] for name in kept},
            {name: stored[f"truth/{name}"] for name in kept},
            {name: stored[f"prediction/{name}"] for name in kept},
            worst,
        )


def _shown_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
