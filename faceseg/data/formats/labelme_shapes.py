"""The content of labelme's JSON files, and the regions of its shapes.

Source: https://github.com/wkentaro/labelme (`_label_file.py`, `utils/shape.py`).
"""

import base64
import binascii
from typing import Annotated

import numpy as np
from pydantic import FailFast, TypeAdapter

from faceseg.data.decoding import decode
from faceseg.data.formats.json_files import Checked, Points
from faceseg.data.formats.polygons import checked_numbers, fill_ellipse, fill_polygon, rectangle
from faceseg.data.formats.shapes import Region, ShapeError, Size
from faceseg.data.problems import BadFile

_POINTS = {"rectangle": (2, 4), "oriented_rectangle": (4,), "circle": (2,), "mask": (2,)}
AREAS = ("polygon", *_POINTS)  # the types of shapes that have an area


class LabelmeShape(Checked):
    """A shape; `points` are x and y in pixels."""

    label: str
    points: Points
    shape_type: str | None = None
    mask: str | None = None

    @property
    def kind(self) -> str:
        """The type of the shape; a polygon where none is written."""
        return self.shape_type or "polygon"


class LabelmeFile(Checked):
    """A JSON file."""

    shapes: Annotated[list[LabelmeShape], FailFast()]
    imagePath: str  # noqa: N815  # labelme's name
    imageData: str | None = None  # noqa: N815
    imageWidth: int | None = None  # noqa: N815
    imageHeight: int | None = None  # noqa: N815


LABELME_FILE = TypeAdapter(LabelmeFile)


def region_of(shape: LabelmeShape, size: Size) -> Region:
    """Return the pixels of a shape with an area.

    Raises:
        ShapeError: The shape is damaged.
    """
    kind, points = shape.kind, shape.points
    allowed = _POINTS.get(kind, (len(points),))
    if len(points) not in allowed:
        wrong = f"a {kind} of {len(points)} points"
        raise ShapeError(wrong, f"{' or '.join(map(str, allowed))} points")
    if kind == "mask":
        return _mask(shape, size)
    if kind == "circle":
        (cx, cy), (x, y) = checked_numbers(points).tolist()
        radius = float(np.hypot(cx - x, cy - y))
        return fill_ellipse((cx, cy), (radius, radius), 0, size)
    if kind == "rectangle" and len(points) == 2:
        low, high = np.sort(checked_numbers(points), axis=0)
        return fill_polygon(rectangle(low, high - low, 0, low), size)
    return fill_polygon(points, size)


def _mask(shape: LabelmeShape, size: Size) -> Region:
    """Return the region of a PNG in base64 for the box between two pixels, both included."""
    expected = "a PNG of one channel in base64, of the size of its box"
    corners = checked_numbers(shape.points)
    if shape.mask is None or np.any(corners < 0):
        raise ShapeError("a mask without a PNG or with negative corners", expected)
    (left, top), (right, bottom) = corners.astype(int).tolist()
    try:
        content = base64.b64decode(shape.mask, validate=True)
        image = decode(content, "mask", max_pixels=size[0] * size[1]).image
    except (binascii.Error, ValueError, BadFile) as error:
        wrong = error.wrong if isinstance(error, BadFile) else "not in base64"
        raise ShapeError(f"its mask is damaged: {wrong}", expected) from error
    mask = np.asarray(image) > 0
    if mask.shape != (bottom - top + 1, right - left + 1) or bottom >= size[0] or right >= size[1]:
        wrong = f"a mask of {mask.shape} for columns {left} to {right} and rows {top} to {bottom}"
        raise ShapeError(wrong, f"{expected}, within the image")
    return Region(mask, top, left)
