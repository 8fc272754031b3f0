"""Crumbs go to what lies around them; no class is lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from faceseg.cleaning import without_crumbs

# 10 x 10: a face of 1 with a crumb of 2 in it, the rest of 2 far away, one pixel of 3.
MAP = np.ones((10, 10), dtype=np.uint8)
MAP[:, 8:] = 2
MAP[4, 3] = 2
MAP[0, 0] = 3


def test_a_crumb_takes_the_label_around_it_and_the_last_of_a_class_stays():
    expected = MAP.copy()
    expected[4, 3] = 1
    np.testing.assert_array_equal(without_crumbs(MAP, 0.05), expected)


def test_an_island_that_is_large_enough_stays():
    np.testing.assert_array_equal(without_crumbs(MAP, 0.01), MAP)  # 1 of 100 is not below 1 %


def test_pixels_that_touch_at_a_corner_are_one_island():
    labels = np.zeros((6, 6), dtype=np.uint8)
    labels[[1, 2], [1, 2]] = 1
    np.testing.assert_array_equal(without_crumbs(labels, 0.04), labels)  # 2 of 36; 1 would go


@given(arrays.arrays(np.uint8, (7, 9), elements=st.integers(0, 3)), st.floats(0, 0.5))
def test_no_class_comes_and_none_goes(labels: np.ndarray, largest: float):
    before = labels.copy()
    cleaned = without_crumbs(labels, largest)
    assert set(np.unique(cleaned)) == set(np.unique(labels))
    np.testing.assert_array_equal(labels, before)


def test_a_share_of_the_whole_image_is_refused():
    with pytest.raises(ValueError, match="share of the image"):
        without_crumbs(MAP, 1.0)
