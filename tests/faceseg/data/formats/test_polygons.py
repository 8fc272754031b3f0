"""Rasterised shapes against grids worked by hand, matplotlib, and geometry."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from faceseg.data.formats.polygons import fill_ellipse, fill_polygon, rectangle
from faceseg.data.formats.shapes import Region, ShapeError
from tests.faceseg.data.formats.face_grid import grid

SIZE = (24, 20)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5  # the centres of the pixels


def whole(region: Region, size: tuple[int, int] = SIZE) -> NDArray[np.bool_]:
    image = np.zeros(size, dtype=bool)
    height, width = region.mask.shape
    image[region.top : region.top + height, region.left : region.left + width] = region.mask
    return image


def test_a_triangle_contains_the_centres_inside_it() -> None:
    # The long edge passes x + y = 5. A centre with x + y = 5 exactly, such as (0.5, 4.5), is on a
    # right edge and so outside.
    found = whole(fill_polygon([[0, 0], [5, 0], [0, 5]], (6, 6)), (6, 6))
    expected = grid("111100", "111000", "110000", "100000", "000000", "000000")
    np.testing.assert_array_equal(found, expected)


def test_a_polygon_that_crosses_itself_is_filled_by_the_even_odd_rule() -> None:
    outer_and_inner = [
        [0, 0],
        [6, 0],
        [6, 6],
        [0, 6],
        [0, 0],
        [2, 2],
        [4, 2],
        [4, 4],
        [2, 4],
        [2, 2],
    ]
    found = whole(fill_polygon(outer_and_inner, (6, 6)), (6, 6))
    expected = np.ones((6, 6), dtype=bool)
    expected[2:4, 2:4] = False
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(3, 30))
def test_simple_polygons_agree_with_matplotlib(seed: int, corners: int) -> None:
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, corners))
    radius = random.uniform(1, 15, corners)  # some parts are outside the image
    points = np.c_[10 + radius * np.cos(angle), 12 + radius * np.sin(angle)]
    inside = Outline(points).contains_points(np.c_[COLUMNS.ravel(), ROWS.ravel()])
    np.testing.assert_array_equal(whole(fill_polygon(points, SIZE)), inside.reshape(SIZE))


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_the_direction_has_no_meaning_and_parts_neither_overlap_nor_leave_a_gap(seed: int) -> None:
    # A polygon is cut into triangles. Its corners may be centres of pixels. Where it is not convex,
    # triangles overlap twice outside it, which cancels out by the even-odd rule.
    random = np.random.default_rng(seed)
    angle = np.sort(random.uniform(0, 2 * np.pi, 9))
    points = np.round(2 * np.c_[10 + 9 * np.cos(angle), 12 + 9 * np.sin(angle)]) / 2
    filled = whole(fill_polygon(points, SIZE))
    np.testing.assert_array_equal(filled, whole(fill_polygon(points[::-1], SIZE)))
    parts = np.zeros(SIZE, dtype=int)
    for one, two in itertools.pairwise(points):
        parts += whole(fill_polygon([points[0], one, two], SIZE))
    np.testing.assert_array_equal(parts % 2, filled)


def test_the_number_of_pixels_is_the_area() -> None:
    # Functions that paint the outline too give 7 % (cv2.fillPoly: 13 %) more at this size.
    random = np.random.default_rng(0)
    ratios = []
    for _ in range(200):
        angle = np.sort(random.uniform(0, 2 * np.pi, 40))
        points = np.c_[64 + 30 * np.cos(angle), 64 + 30 * np.sin(angle)]
        x, y = points.T
        area = abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2
        ratios.append(fill_polygon(points, (128, 128)).mask.sum() / area)
    assert np.mean(ratios) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("shift", [(-50, 0), (0, -50), (50, 0), (0, 50)])
def test_a_polygon_outside_the_image_has_no_pixels(shift: tuple[int, int]) -> None:
    points = np.array([[1, 1], [9, 1], [9, 9]]) + shift
    assert not whole(fill_polygon(points, SIZE)).any()


@pytest.mark.parametrize(
    ("points", "wrong"),
    [
        ([], "a polygon of 0 points"),
        ([[0, 0], [1, 1]], "a polygon of 2 points"),
        ([[0, 0], [1, float("nan")], [2, 2]], "not finite"),
        ([[0, 0], [1, float("inf")], [2, 2]], "not finite"),
        ([[0, 0], [1, 1e300], [2, 2]], "too large"),
        (np.zeros((1_000_001, 2)), "a polygon of 1,000,001 points"),
        ([[0, 0], [999_999, 999_999]] * 2, "outline of 3,999,996 pixels"),
    ],
)
def test_damaged_polygons_are_refused(points: list[list[float]], wrong: str) -> None:
    with pytest.raises(ShapeError, match=wrong):
        fill_polygon(points, SIZE)


@pytest.mark.parametrize("degrees", [0, 30, 90, 200])
def test_an_ellipse_contains_the_centres_inside_it(degrees: float) -> None:
    turn = np.radians(degrees)
    x, y = COLUMNS - 9.2, ROWS - 11.7
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    expected = (along / 12) ** 2 + (across / 5) ** 2 <= 1  # partly outside the image
    np.testing.assert_array_equal(
        whole(fill_ellipse((9.2, 11.7), (12, 5), degrees, SIZE)), expected
    )


def test_an_ellipse_needs_radii_above_0() -> None:
    with pytest.raises(ShapeError, match="radii 0 and 2"):
        fill_ellipse((1, 1), (0, 2), 0, SIZE)


def test_a_rectangle_is_rotated_clockwise_about_the_point() -> None:
    # A quarter turn clockwise about its upper left corner: what was right of it is now below it.
    found = rectangle((10, 10), (4, 2), 90, (10, 10))
    np.testing.assert_allclose(found, [[10, 10], [10, 14], [8, 14], [8, 10]], atol=1e-12)
