"""The growth of star-shaped sets, worked by hand, and the search for a scale."""

import math

import numpy as np
import pytest

from faceseg.robustness.occlusion.occluded_images import covered_pixels, scale_for
from faceseg.robustness.occlusion.occluder import NEVER
from faceseg.robustness.occlusion.star_shapes import (
    DIRECTIONS,
    UNIT,
    convex_reach,
    outline_reach,
    star_growth,
)

SQUARE = np.array([[2.0, 2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]])


def test_a_square_reaches_its_sides_and_its_corners() -> None:
    reach = convex_reach(SQUARE)
    eighth = DIRECTIONS // 8
    # The distance is 2 along an axis, and 2 + 2 to the corner on the diagonal.
    np.testing.assert_allclose(reach[[0, 2 * eighth, 4 * eighth]], 2, rtol=1e-3)
    np.testing.assert_allclose(reach[[eighth, 3 * eighth, 7 * eighth]], 4, rtol=1e-3)
    np.testing.assert_allclose(convex_reach(SQUARE[::-1]), reach)


def test_growth_doubles_with_the_distance() -> None:
    growth = star_growth((9, 9), (4.0, 4.0), convex_reach(SQUARE))
    assert growth[4, 4] == 0
    np.testing.assert_allclose(growth[4, [6, 8, 2, 0]] / UNIT, [1, 2, 1, 2], rtol=1e-3)
    np.testing.assert_allclose(growth[[6, 0, 8], [6, 0, 0]] / UNIT, [1, 2, 2], rtol=1e-3)


def test_a_dense_outline_and_a_polygon_agree() -> None:
    turns = np.arange(3600) * (2 * math.pi / 3600)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1) * 5 + [0.5, -1.0]
    np.testing.assert_allclose(outline_reach(circle), convex_reach(circle), rtol=1e-3)


@pytest.mark.parametrize(
    ("share", "pixels"), [(0.2, 1), (0.29, 1), (0.31, 2), (0.3, 1), (0.6, 3), (0.99, 4), (1.0, 4)]
)
def test_the_scale_of_the_nearest_share_is_found_or_the_smaller_of_equals(
    share: float, pixels: int
) -> None:
    growth = np.array([10, 30, 50, 70, NEVER], np.int32)  # the fifth pixel is never covered
    assert covered_pixels(growth, scale_for(growth, share)) == pixels
