"""What makes an image and its labels a usable pair, wherever they come from."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import IGNORE, ClassSet
from faceseg.data.problems import BadFile

_SHOWN = 5  # strange ids spelt out in a message


def check_ids(labels: NDArray[np.integer], classes: ClassSet, name: str | Path) -> None:
    """Raise BadFile if labels (H, W) hold an id that is neither a class nor 255 (ignored)."""
    strange = (labels >= len(classes)) & (labels != IGNORE)
    if not strange.any():
        return
    found = np.unique(labels[strange])
    shown = ", ".join(str(each) for each in found[:_SHOWN]) + (", ..." * (len(found) > _SHOWN))
    raise BadFile(
        name,
        f"{int(strange.sum())} pixels have ids outside the class set: {shown}",
        f"ids 0 to {len(classes) - 1}, or {IGNORE} for ignored pixels",
    )


def check_pair(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassSet, name: str
) -> None:
    """Raise BadFile unless the labels (H, W) fit the image (H, W, 3) and the class set."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise BadFile(name, f"image of {image.dtype} {image.shape}", "uint8 RGB (H, W, 3)")
    if labels.dtype != np.uint8:
        raise BadFile(name, f"labels of {labels.dtype}", "labels of uint8")
    if labels.shape != image.shape[:2]:
        raise BadFile(
            name,
            f"labels are {_size(labels)}, their image is {_size(image)} (width x height)",
            "one size for both, EXIF rotation applied",
        )
    check_ids(labels, classes, name)


def _size(pixels: NDArray[np.uint8]) -> str:
    return " x ".join(str(extent) for extent in pixels.shape[1::-1])
