"""Labels by the largest area, against hand-worked grids and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.data.images import resize_labels, resize_labels_by_majority

Labels = NDArray[np.uint8]


def grid(*rows: list[int]) -> Labels:
    return np.array(rows, dtype=np.uint8)


def shares(old: int, new: int, index: int) -> list[Fraction]:
    """Return how much of each old pixel is inside the new pixel `index`."""
    low, high = Fraction(index * old, new), Fraction((index + 1) * old, new)
    return [
        max(Fraction(0), min(high, Fraction(each + 1)) - max(low, Fraction(each)))
        for each in range(old)
    ]


def brute(labels: Labels, size: tuple[int, int]) -> list[list[int]]:
    """Return the majority of each new pixel, by areas as exact fractions."""
    nearest, found = resize_labels(labels, size), []
    for row in range(size[0]):
        found.append([])
        for column in range(size[1]):
            areas: dict[int, Fraction] = {}
            for down, height in enumerate(shares(labels.shape[0], size[0], row)):
                for across, width in enumerate(shares(labels.shape[1], size[1], column)):
                    label = int(labels[down, across])
                    areas[label] = areas.get(label, Fraction(0)) + height * width
            largest = sorted(each for each in areas if areas[each] == max(areas.values()))
            own = int(nearest[row, column])
            found[-1].append(own if own in largest else largest[0])
    return found


def test_a_pixel_takes_the_class_of_most_of_its_area() -> None:
    labels = grid(
        [1, 1, 2, 2],
        [1, 2, 2, 3],
    )
    assert resize_labels_by_majority(labels, (1, 2)).tolist() == [[1, 2]]
    assert resize_labels(labels, (1, 2)).tolist() == [[2, 3]]  # the pixels at the centres


def test_an_old_pixel_on_an_edge_counts_by_its_part() -> None:
    # Two new pixels of 1.5 old ones: 1 of class 4 and half of class 5, then half and 1.
    assert resize_labels_by_majority(grid([4, 5, 4]), (1, 2)).tolist() == [[4, 4]]
    # Three of five: 5/3 each. The second covers 1/3, 1 and 1/3 of classes 7, 8 and 7.
    assert resize_labels_by_majority(grid([7, 7, 8, 7, 7]), (1, 3)).tolist() == [[7, 8, 7]]


def test_equal_areas_keep_the_class_of_the_nearest_pixel_or_else_the_smallest() -> None:
    assert resize_labels_by_majority(grid([9, 6]), (1, 1)).tolist() == [[6]]
    assert resize_labels_by_majority(grid([6, 9]), (1, 1)).tolist() == [[9]]
    # The centre is class 1; classes 3 and 5 have two pixels each.
    assert resize_labels_by_majority(grid([5, 5, 1, 3, 3]), (1, 1)).tolist() == [[3]]


def test_ignored_pixels_are_a_class_of_their_own() -> None:
    labels = grid([IGNORE, 1, IGNORE], [2, 1, 1])
    assert resize_labels_by_majority(labels, (2, 1)).tolist() == [[IGNORE], [1]]


def test_an_axis_that_grows_is_resized_by_the_nearest_pixel() -> None:
    labels = grid([1, 2], [1, 3], [4, 3])
    assert resize_labels_by_majority(labels, (1, 4)).tolist() == [[1, 1, 3, 3]]
    assert (
        resize_labels_by_majority(labels, (6, 4)).tolist() == resize_labels(labels, (6, 4)).tolist()
    )


def test_labels_of_the_same_size_are_unchanged() -> None:
    labels = grid([1, 2], [3, IGNORE])
    assert resize_labels_by_majority(labels, (2, 2)).tolist() == labels.tolist()


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (17, 90)])
def test_no_class_is_created(size: tuple[int, int]) -> None:
    labels = np.random.default_rng(1).choice(grid([0, 3, 10, IGNORE])[0], (97, 90))
    found = resize_labels_by_majority(labels, size)
    assert (found.shape, found.dtype) == (size, np.uint8)
    assert set(np.unique(found).tolist()) <= {0, 3, 10, IGNORE}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_it_equals_exact_areas_on_random_labels(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    size = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    draws = np.random.default_rng(data.draw(st.integers(0, 999)))
    labels = draws.choice(grid([0, 1, 2, IGNORE])[0], (height, width))
    assert resize_labels_by_majority(labels, size).tolist() == brute(labels, size)
