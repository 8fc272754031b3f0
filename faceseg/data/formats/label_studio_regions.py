"""The regions of Label Studio's annotations.

Coordinates and lengths are percentages of the image's width and height. A rectangle's x and y are
its upper left corner, about which it is rotated clockwise; an ellipse is rotated about its centre.

Source: https://labelstud.io/tags/rectanglelabels, ellipselabels, polygonlabels and brushlabels.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import FailFast, ValidationError

from faceseg.data.formats.json_files import Checked, Points, describe, shown
from faceseg.data.formats.polygons import checked_numbers, fill_ellipse, fill_polygon, rectangle
from faceseg.data.formats.run_lengths import brush_region
from faceseg.data.formats.shapes import Region, ShapeError, Size, size_problem


class _Region(Checked):
    original_width: int
    original_height: int
    image_rotation: float = 0


class _Polygon(Checked):
    points: Points


class _Rectangle(Checked):
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0


class _Ellipse(Checked):
    x: float
    y: float
    radiusX: float  # noqa: N815  # Label Studio's name
    radiusY: float  # noqa: N815
    rotation: float = 0


class _Brush(Checked):
    format: Literal["rle"]
    rle: Annotated[list[int], FailFast()]


_VALUES: Mapping[str, type[Checked]] = {
    "polygonlabels": _Polygon,
    "rectanglelabels": _Rectangle,
    "ellipselabels": _Ellipse,
    "brushlabels": _Brush,
}
KINDS = tuple(_VALUES)  # the types of regions that have an area


def labels_of(region: Mapping[str, Any]) -> list[str]:
    """Return the labels of a region that has an area; none if it is damaged."""
    kind, value = region.get("type"), region.get("value")
    found = value.get(kind) if isinstance(value, dict) and kind in KINDS else None
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def region_of(region: Mapping[str, Any], size: Size) -> tuple[str, Region]:
    """Return the label and the pixels of a region.

    Args:
        region: A result of an annotation whose type is one of `KINDS`.
        size: Rows and columns of the image.

    Raises:
        ShapeError: The region is damaged, was drawn on an image of another size or on a rotated
            one, or has not exactly one label.
    """
    try:
        frame = _Region.model_validate(region)
        value = _VALUES[region["type"]].model_validate(region.get("value"))
    except ValidationError as error:
        raise ShapeError(shown(describe(error)), f"a region of {region['type']}") from error
    if wrong := size_problem((frame.original_height, frame.original_width), size):
        raise ShapeError(wrong, "one size for both, EXIF rotation applied")
    if frame.image_rotation % 360:
        wrong = f"the image was rotated by {frame.image_rotation:g} degrees in Label Studio"
        raise ShapeError(wrong, "image_rotation 0")
    labels = labels_of(region)
    if len(labels) != 1:
        raise ShapeError(f"a region of {len(labels)} labels", "one label for each region")
    return labels[0], _pixels(value, size)


def _pixels(value: Checked, size: Size) -> Region:
    across, down = size[1] / 100, size[0] / 100
    match value:
        case _Polygon():
            return fill_polygon(_scaled(value.points, across, down), size)
        case _Rectangle():
            corner = (value.x * across, value.y * down)
            extent = (value.width * across, value.height * down)
            return fill_polygon(rectangle(corner, extent, value.rotation, corner), size)
        case _Ellipse():
            centre = (value.x * across, value.y * down)
            radii = (value.radiusX * across, value.radiusY * down)
            return fill_ellipse(centre, radii, value.rotation, size)
        case _Brush():
            return brush_region(_bytes(value.rle), size)
        case _:
            raise TypeError(f"a region of {type(value).__name__}")


def _scaled(points: Sequence[Sequence[float]], across: float, down: float) -> Any:
    return checked_numbers(points).reshape(-1, 2) * (across, down)


def _bytes(numbers: Iterable[int]) -> bytes:
    try:
        return bytes(numbers)
    except ValueError as error:
        raise ShapeError("a brush mask of numbers that are no bytes", "numbers to 255") from error
