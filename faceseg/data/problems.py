"""Problems of the user's files: their types, the checks of a pair, and their report."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from faceseg.data.blended_ids import blended_ids
from faceseg.data.classes import IGNORE, ClassSet
from faceseg.data.image_files import missing_target, printable

MAX_PROBLEMS_SHOWN = 20  # problems listed in a message; the rest are counted
MAX_IDS_SHOWN = 5  # ids listed in a message


class BadFile(Exception):  # noqa: N818  # an error in the file, not in the program
    """A file that cannot be used, with the problem and the expected content."""

    def __init__(self, file: str | Path, wrong: str, expected: str) -> None:
        self.file = printable(file)
        super().__init__(f"{self.file}: {wrong}; expected {expected}")
        self.wrong = wrong
        self.expected = expected

    def __reduce__(self) -> tuple[type["BadFile"], tuple[str, str, str]]:
        return type(self), (self.file, self.wrong, self.expected)  # for another process


class UnknownFormat(BadFile):
    """A file that is no image of a known format."""


class TooManyPixels(BadFile):
    """An image with more pixels than are decoded."""


def unreadable_file(file: Path, error: OSError, expected: str) -> BadFile:
    """Return the problem of a file that cannot be read, such as a link without its target."""
    target = missing_target(file)
    if target is None:
        return BadFile(file, f"cannot be read ({error.strerror})", expected)
    return BadFile(
        file,
        f"a link to {printable(target)}, where no file is",
        "the linked file, fetched with the tool that made the link (git annex get, dvc pull)",
    )


class PairProblem(BaseModel):
    """An unusable pair. `file` is relative to the data set's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    id: str
    file: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}; expected {self.expected}"


class Work(NamedTuple):
    """What is done with the pairs of a source, and how to skip bad ones, for messages."""

    done: str
    skipping: str


PACKING = Work("packed", "data.on_bad: skip (the manifest then lists each of them)")
CONVERTING = Work("converted", "--on-bad skip (conversion.json then lists each of them)")


def describe_problems(problems: Sequence[PairProblem], total: int, work: Work = PACKING) -> str:
    """Return a report of the first 20 problems and the number of all, out of `total` pairs."""
    lines = [f"{len(problems)} of {total} pairs cannot be used, so nothing was {work.done}:"]
    lines += [f"  {problem}" for problem in problems[:MAX_PROBLEMS_SHOWN]]
    if (rest := len(problems) - MAX_PROBLEMS_SHOWN) > 0:
        lines.append(f"  and {rest} more")
    lines.append(f"Fix or remove these files, or skip them with {work.skipping}.")
    return "\n".join(lines)


# --- Checks of an image and its labels, for all sources.


def check_ids(labels: NDArray[np.integer], classes: ClassSet, name: str | Path) -> None:
    """Raise BadFile if labels (H, W) contain an id that is neither a class nor 255 (ignored)."""
    unknown = (labels >= len(classes)) & (labels != IGNORE)
    if not unknown.any():
        return
    found = np.unique(labels[unknown])
    shown = ", ".join(str(each) for each in found[:MAX_IDS_SHOWN]) + (
        ", ..." * (len(found) > MAX_IDS_SHOWN)
    )
    wrong = f"{int(unknown.sum())} pixels have ids outside the class set: {shown}"
    expected = f"ids 0 to {len(classes) - 1}, or {IGNORE} for ignored pixels"
    if blended_ids(labels, ignored=None):
        wrong += "; ids lie between others along borders, as after a bilinear resizing"
        expected += "; resize masks with nearest"
    raise BadFile(name, wrong, expected)


def check_pair(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: ClassSet, name: str
) -> None:
    """Raise BadFile unless the labels (H, W) match the image (H, W, 3) and the class set."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise BadFile(name, f"image of {image.dtype} {image.shape}", "uint8 RGB (H, W, 3)")
    if labels.dtype != np.uint8:
        raise BadFile(name, f"labels of {labels.dtype}", "labels of uint8")
    if labels.shape != image.shape[:2]:
        raise BadFile(
            name,
            f"labels are {_size(labels)}, their image is {_size(image)} (width x height)",
            "one size for both; data.label_size: resize resizes labels to their image's size"
            if same_proportions(labels, image)
            else "one size for both, EXIF rotation applied",
        )
    check_ids(labels, classes, name)


def same_proportions(labels: NDArray[np.uint8], image: NDArray[np.uint8]) -> bool:
    """Return whether labels (h, w) and image (H, W, 3) have the same proportions.

    A size that was halved may be rounded: a side may differ by one pixel of the smaller of both.
    """
    (height, width), (rows, columns) = labels.shape, image.shape[:2]
    return bool(abs(height * columns - width * rows) <= max(height, width, rows, columns))


def _size(pixels: NDArray[np.uint8]) -> str:
    return " x ".join(str(extent) for extent in pixels.shape[1::-1])
