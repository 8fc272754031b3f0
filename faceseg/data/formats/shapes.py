"""Painting of shapes into a label map, and the classes that the shapes' labels are.

Where shapes overlap, one rule holds for all formats: the shape of the higher layer is on top
(`z_order` in CVAT; other formats have no layers); of one layer, the smaller shape is on top, so
that an eye is not hidden by the skin around it; of equal sizes, the later in the file. The size of
a shape is the number of its pixels in the image.

Shapes: H rows, W columns of the image.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.data.images import read_image
from faceseg.data.problems import BadFile
from faceseg.data.source import Pair
from faceseg.errors import UserError

Size = tuple[int, int]  # rows, columns

MAX_SHAPES = 5_000  # of an image: 100 faces of 50 parts
MAX_WORK = 2**31  # pixels of all shapes of an image, painted in about ten seconds
_LAYER = 2**32  # more than the pixels of an image
_BACKGROUND_NAMES = ("background", "_background_")  # labelme uses the second
_IGNORE_NAME = "__ignore__"  # labelme's


class ShapeError(Exception):
    """A shape that cannot be painted; the caller adds the file's name."""

    def __init__(self, wrong: str, expected: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected


@contextmanager
def named(file: str | Path, shape: str) -> Iterator[None]:
    """Turn a ShapeError into the BadFile of `file`; `shape` identifies the shape."""
    try:
        yield
    except ShapeError as error:
        raise BadFile(file, f"{shape}: {error.wrong}", error.expected) from error


@dataclass(frozen=True)
class Region:
    """The pixels of a shape: `mask` (h, w), whose first pixel is at (top, left) of the image.

    `work` is the time that its decoding took, in pixels that are painted in the same time.
    """

    mask: NDArray[np.bool_]
    top: int = 0
    left: int = 0
    work: int = 0


def region_of_mask(mask: NDArray[np.bool_], work: int = 0) -> Region:
    """Return the region of a mask (H, W) of the whole image, without the empty rows around it."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return Region(mask[:0, :0], work=work)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Region(np.ascontiguousarray(part), int(rows[0]), int(columns[0]), work)


@dataclass(frozen=True)
class Shape:
    """A region and its class id, or 255 where pixels are ignored."""

    label: int
    region: Region
    layer: int = 0


def paint(shapes: Iterable[Shape], size: Size) -> NDArray[np.uint8]:
    """Paint shapes into a label map (H, W) of background; the order is the module's rule.

    Raises:
        ShapeError: There are more than 5,000 shapes, or their pixels are too many to paint.
    """
    labels = np.zeros(size, dtype=np.uint8)
    ranks = np.full(size, np.iinfo(np.int64).min)  # of the uppermost shape
    work = 0
    for number, shape in enumerate(shapes, start=1):
        region, mask = shape.region, shape.region.mask
        work += mask.size + region.work
        if number > MAX_SHAPES or work > MAX_WORK:
            expected = f"at most {MAX_SHAPES:,} shapes and {MAX_WORK:.0e} pixels of shapes"
            raise ShapeError("too many or too large shapes", expected)
        rank = shape.layer * _LAYER - int(np.count_nonzero(mask))
        part = np.s_[
            region.top : region.top + mask.shape[0], region.left : region.left + mask.shape[1]
        ]
        above = mask & (ranks[part] <= rank)
        np.copyto(ranks[part], rank, where=above)
        np.copyto(labels[part], np.uint8(shape.label), where=above)
    return labels


@dataclass(frozen=True, kw_only=True)
class PaintedImage(ABC):
    """An image whose labels are painted from shapes (an `AnnotatedImage`).

    Attributes:
        id: The name of the image, unique in its split.
        image_file: The file of the image.
        annotation_file: The file that contains the shapes.
        problem: Why the image cannot be used, where that is known from the index.
    """

    id: str
    image_file: Path
    annotation_file: Path
    problem: BadFile | None = None

    @property
    def files(self) -> Sequence[Path]:
        """The files that belong to this image alone."""
        return (self.image_file,)

    @abstractmethod
    def shapes(self, size: Size) -> Iterator[Shape]:
        """Yield the shapes in the order of the file.

        Args:
            size: Rows and columns of the image after its EXIF rotation.

        Raises:
            BadFile: A shape is damaged, or was drawn for an image of another size.
        """

    def read(self) -> Pair:
        """Return the RGB image (H, W, 3) and its labels (H, W).

        Raises:
            BadFile: A file is missing or damaged, or the shapes do not fit the image.
        """
        if self.problem is not None:
            raise BadFile(self.problem.file, self.problem.wrong, self.problem.expected)
        image = read_image(self.image_file)
        rows, columns = image.shape[:2]
        with named(self.annotation_file, f"image {self.id}"):
            return image, paint(self.shapes((rows, columns)), (rows, columns))


def check_size(file: str | Path, name: str, annotated: Size, size: Size) -> None:
    """Raise BadFile unless the shapes of an image were drawn for its size (see `size_problem`)."""
    if wrong := size_problem(annotated, size):
        raise BadFile(file, f"{name}: {wrong}", "one size for both, EXIF rotation applied")


def size_problem(annotated: Size, size: Size) -> str | None:
    """Return how the size of an annotation differs from the image's, or None.

    Args:
        annotated: The rows and columns that the annotation names.
        size: The rows and columns of the image after its EXIF rotation.
    """
    if annotated == size:
        return None
    wrong = (
        f"annotated at {annotated[1]} x {annotated[0]}, the image is {size[1]} x {size[0]} "
        "(width x height)"
    )
    turned = "; the annotation was made without the photograph's EXIF rotation"
    return wrong + turned * (annotated == size[::-1])


def class_ids(names: Iterable[str], index: Path) -> tuple[tuple[str, ...], Mapping[str, int]]:
    """Return the classes of an annotation and the id of each label.

    `background` and `_background_` are class 0; `__ignore__` is 255.

    Args:
        names: The labels in the order of their ids; repeated ones count once.
        index: The file or folder that contains them, for the message of an error.

    Raises:
        UserError: There are no labels, or more than 253 classes besides the background.
    """
    ids: dict[str, int] = {}
    classes = ["background"]
    for name in names:
        if name in ids:
            continue
        if name.casefold() in _BACKGROUND_NAMES:
            ids[name] = 0
        elif name == _IGNORE_NAME:
            ids[name] = IGNORE
        else:
            ids[name] = len(classes)
            classes.append(name)
    if not 1 < len(classes) < IGNORE:
        raise UserError(f"{index}: {len(classes) - 1} labels; expected 1 to {IGNORE - 2}")
    return tuple(classes), ids


def label_id(ids: Mapping[str, int], name: str) -> int:
    """Return the id of a label.

    Raises:
        ShapeError: The label is not in the list.
    """
    if name not in ids:
        raise ShapeError(f"unknown label {name[:80]!r}", f"one of {', '.join(list(ids)[:20])}")
    return ids[name]
