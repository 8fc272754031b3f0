"""Rasterising of polygons and ellipses: a pixel belongs to a shape if its centre lies inside.

Coordinates are in pixels from the top left corner of the image, x to the right and y down, so the
centre of the first pixel is (0.5, 0.5). A polygon's inside is decided by the even-odd rule. A
centre on a left or upper edge is inside, on a right or lower edge outside, so polygons with a
common edge neither overlap nor leave a gap. Functions that also paint the outline (`cv2.fillPoly`,
`PIL.ImageDraw`) make every shape about half a pixel larger on all sides.

Shapes: N points, H rows, W columns of the image; h, w of the part that a shape covers.
Source: Foley et al., Computer Graphics: Principles and Practice (scan conversion of polygons).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceseg.data.formats.shapes import Region, ShapeError, Size

Points = NDArray[np.float64]

MAX_POINTS = 1_000_000
MAX_OUTLINE = 2_000_000  # pixels; an image of 80 million pixels has sides of about 9,000
MAX_COORDINATE = 1_000_000.0
_CROSSING_WORK = 30  # pixels that are painted in the time of a crossing of an edge and a row
_OUTLINE = f"finite coordinates of at most {MAX_COORDINATE:,.0f} pixels"


def checked_polygon(points: Sequence[Sequence[float]] | Points) -> tuple[Points, int]:
    """Return a polygon as an array (N, 2) of finite coordinates, and the length of its outline.

    Raises:
        ShapeError: It has fewer than 3 points or too many, its outline is longer than 2 million
            pixels, or a coordinate is not finite or beyond a million pixels.
    """
    if len(points) < 3:
        raise ShapeError(f"a polygon of {len(points)} points", "at least 3 points")
    if len(points) > MAX_POINTS:
        raise ShapeError(f"a polygon of {len(points):,} points", f"at most {MAX_POINTS:,} points")
    polygon = checked_numbers(points)
    steps = np.abs(polygon - np.roll(polygon, 1, axis=0)).max(axis=1)
    outline = math.ceil(steps.sum())
    if outline > MAX_OUTLINE:
        expected = f"an outline of at most {MAX_OUTLINE:,} pixels"
        raise ShapeError(f"a polygon's outline of {outline:,} pixels", expected)
    return polygon, outline


def checked_numbers(values: Sequence[float] | Sequence[Sequence[float]] | Points) -> Points:
    """Return coordinates or lengths as an array.

    Raises:
        ShapeError: A number is not finite, or its magnitude is greater than a million.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.all(np.abs(numbers) <= MAX_COORDINATE):  # false for NaN
        raise ShapeError("a coordinate that is not finite or too large", _OUTLINE)
    return numbers


def fill_polygon(points: Sequence[Sequence[float]] | Points, size: Size) -> Region:
    """Return the pixels whose centres lie inside a polygon.

    Args:
        points: The corners (N, 2) as x and y; the last is joined to the first. Parts outside the
            image are cut off. The direction has no meaning.
        size: Rows and columns of the image.

    Raises:
        ShapeError: See `checked_polygon`.
    """
    polygon, _ = checked_polygon(points)
    first = np.minimum(_first_centres(polygon.min(axis=0)), size[::-1])
    last = np.minimum(_first_centres(polygon.max(axis=0)), size[::-1])
    (left, top), (right, bottom) = first.tolist(), last.tolist()

    start, end = polygon, np.roll(polygon, -1, axis=0)
    upward = (start[:, 1] > end[:, 1])[:, None]  # the same arithmetic for both directions
    (x0, y0), (x1, y1) = np.where(upward, end, start).T, np.where(upward, start, end).T
    begin = np.clip(_first_centres(y0), top, bottom)  # the rows whose centres an edge crosses
    rows = np.clip(_first_centres(y1), top, bottom) - begin
    edge = np.repeat(np.arange(len(rows)), rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows, rows) + begin[edge]
    with np.errstate(divide="ignore", invalid="ignore"):  # a horizontal edge crosses no row
        slope = (x1 - x0) / (y1 - y0)
    x = x0[edge] + (row + 0.5 - y0[edge]) * slope[edge]
    column = np.clip(_first_centres(x), left, right)

    changes = np.zeros((bottom - top, right - left + 1), dtype=np.uint8)
    np.bitwise_xor.at(changes, (row - top, column - left), np.uint8(1))
    inside = np.bitwise_xor.accumulate(changes, axis=1)[:, :-1]
    return Region(inside.astype(bool), top, left, work=len(edge) * _CROSSING_WORK)


def fill_ellipse(
    centre: Sequence[float], radii: Sequence[float], degrees: float, size: Size
) -> Region:
    """Return the pixels whose centres lie inside an ellipse or on its outline.

    Args:
        centre: x and y.
        radii: The half axes along x and y before the rotation.
        degrees: The rotation about the centre, clockwise as seen.
        size: Rows and columns of the image.

    Raises:
        ShapeError: A number is not finite or too large, or a radius is not positive.
    """
    (cx, cy, rx, ry, angle) = checked_numbers([*centre, *radii, degrees]).tolist()
    if rx <= 0 or ry <= 0:
        raise ShapeError(f"an ellipse of radii {rx:g} and {ry:g}", "radii above 0")
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    height = math.hypot(rx * sin, ry * cos)
    top, bottom = np.clip(_first_centres(np.array([cy - height, cy + height])), 0, size[0])
    y = np.arange(top, bottom + (bottom < size[0])) + 0.5 - cy
    # A row's columns lie between the roots of a x^2 + 2 b x + c.
    a = (cos / rx) ** 2 + (sin / ry) ** 2
    b = y * sin * cos * (rx**-2 - ry**-2)
    c = y**2 * ((sin / rx) ** 2 + (cos / ry) ** 2) - 1
    inside = b**2 - a * c
    half = np.sqrt(np.maximum(inside, 0)) / a
    middle = cx - b / a
    columns = np.arange(size[1]) + 0.5
    reached = (inside >= 0)[:, None]
    mask = (columns >= (middle - half)[:, None]) & (columns <= (middle + half)[:, None]) & reached
    return Region(mask, int(top), 0)


def rectangle(
    corner: Sequence[float], extent: Sequence[float], degrees: float, about: Sequence[float]
) -> Points:
    """Return the corners (4, 2) of a rectangle.

    Args:
        corner: x and y of the upper left corner before the rotation.
        extent: Width and height.
        degrees: The rotation, clockwise as seen.
        about: x and y of the point about which it is rotated.

    Raises:
        ShapeError: A number is not finite or too large.
    """
    (x, y, width, height, angle, *pivot) = checked_numbers([*corner, *extent, degrees, *about])
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
    if angle == 0:
        return corners
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turned: Points = (corners - pivot) @ np.array([[cos, sin], [-sin, cos]]) + pivot
    return turned


def _first_centres(coordinates: Points) -> NDArray[np.int64]:
    """Return the index of the first pixel whose centre is not before a coordinate; at least 0."""
    return np.maximum(np.ceil(coordinates - 0.5), 0).astype(np.int64)
