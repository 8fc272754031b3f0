"""What is wrong with a file of the user's, and how a list of such findings is told."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from faceseg.data.classes import IGNORE, ClassSet

MAX_PROBLEMS_SHOWN = 20  # findings spelt out in a message; the rest are counted


class BadFile(Exception):  # noqa: N818  # an error in the file, not in the program
    """A file that cannot be used: which one, what is wrong with it, what is expected."""

    def __init__(self, file: str | Path, wrong: str, expected: str) -> None:
        super().__init__(f"{file}: {wrong}; expected {expected}")
        self.file = str(file)
        self.wrong = wrong
        self.expected = expected


class PairProblem(BaseModel):
    """A pair that was found unusable. `file` is relative to the data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    id: str
    file: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}; expected {self.expected}"


def describe_problems(problems: Sequence[PairProblem], total: int) -> str:
    """Tell the first 20 problems and how many there are, of `total` pairs looked at."""
    lines = [f"{len(problems)} of {total} pairs cannot be used, so nothing was packed:"]
    lines += [f"  {problem}" for problem in problems[:MAX_PROBLEMS_SHOWN]]
    if (rest := len(problems) - MAX_PROBLEMS_SHOWN) > 0:
        lines.append(f"  and {rest} more")
    lines.append(
        "Mend or remove these files, or leave them out with data.on_bad: skip "
        "(each is then listed in the manifest)."
    )
    return "\n".join(lines)


# --- What makes an image and its labels a usable pair, wherever they come from.

_MAX_IDS_SHOWN = 5  # strange ids spelt out in a message


def check_ids(labels: NDArray[np.integer], classes: ClassSet, name: str | Path) -> None:
    """Raise BadFile if labels (H, W) hold an id that is neither a class nor 255 (ignored)."""
    strange = (labels >= len(classes)) & (labels != IGNORE)
    if not strange.any():
        return
    found = np.unique(labels[strange])
    shown = ", ".join(str(each) for each in found[:_MAX_IDS_SHOWN]) + (
        ", ..." * (len(found) > _MAX_IDS_SHOWN)
    )
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
