"""Class shares and left/right order, worked by hand."""

import math

import numpy as np

from faceseg.data.class_counts import ClassCounts, SideCounts, class_columns
from faceseg.data.classes import ClassSet

EYES = ClassSet(
    names=("background", "left", "right"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    pairs=((1, 2),),
    face=(1, 2),
)


def count(*maps: list[list[int]]) -> ClassCounts:
    total = ClassCounts(EYES)
    for labels in maps:
        total.add(class_columns(np.array(labels, dtype=np.uint8), len(EYES)))
    return total


def test_columns_count_each_class_and_ignore_255() -> None:
    labels = np.array([[0, 1, 255], [1, 1, 2]], dtype=np.uint8)
    assert class_columns(labels, 3).tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 1]]


def test_shares_are_of_the_pixels_that_are_not_ignored() -> None:
    assert count([[0, 1, 255, 255], [1, 1, 255, 255]]).shares() == {
        "background": 0.25,
        "left": 0.75,
        "right": 0.0,
    }


def test_sides_are_compared_by_the_mean_column() -> None:
    kept = [[1, 0, 2]]
    exchanged = [[2, 0, 1]]
    one_alone = [[1, 0, 0]]
    # Left: columns 0 and 3, mean 1.5. Right: column 2. The mean is left of it, one pixel is not.
    mixed = [[1, 0, 2, 1]]
    assert count(kept, exchanged, one_alone, mixed).sides() == (
        SideCounts(left="left", right="right", images=3, kept=2),
    )


def test_without_an_image_of_both_classes_the_share_is_nan() -> None:
    assert math.isnan(count([[1, 0, 0]]).sides()[0].share)
