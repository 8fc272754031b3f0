"""Boundary IoU against hand counts and the authors' one-class definition."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.metrics.boundary import boundary_counts, boundary_distance, boundary_iou


def test_the_width_is_half_a_percent_of_the_diagonal_and_at_least_one() -> None:
    assert boundary_distance(256, 256) == 2  # 0.005 * 362.04 = 1.81
    assert boundary_distance(600, 800) == 5
    assert boundary_distance(32, 32) == 1


def square(top: int, left: int) -> NDArray[np.uint8]:
    """Draw a 5x5 square of class 1 on 9x9 background."""
    labels = np.zeros((9, 9), np.uint8)
    labels[top : top + 5, left : left + 5] = 1
    return labels


def test_a_shifted_square_matches_the_hand_count() -> None:
    # At distance 1 a 5x5 square has a rim of 25 - 9 = 16 pixels. Shifted right by one, the
    # two rims share 4 pixels of the upper side, 4 of the lower, and none of the left and right
    # sides; 8 of 16 + 16 - 8.
    counts = boundary_counts(square(2, 2), square(2, 3), 2, 1)
    np.testing.assert_array_equal(counts[1], [8, 24])
    assert boundary_iou(counts)[1] == pytest.approx(8 / 24)


def test_the_edge_of_the_image_is_outline() -> None:
    labels = np.zeros((5, 5), np.uint8)
    np.testing.assert_array_equal(boundary_counts(labels, labels, 2, 1), [[16, 16], [0, 0]])


def test_a_class_without_pixels_is_nan() -> None:
    labels = np.zeros((5, 5), np.uint8)
    assert math.isnan(boundary_iou(boundary_counts(labels, labels, 2, 1))[1])


def published_boundary(mask: NDArray[np.uint8], distance: int) -> NDArray[np.bool_]:
    """Return the boundary of one mask as the paper's own code computes it."""
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)[1:-1, 1:-1]
    return np.asarray(mask - inside, dtype=bool)


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_each_class_agrees_with_the_published_definition(distance: int) -> None:
    draws = np.random.default_rng(8)
    coarse = draws.integers(0, 4, (2, 6, 7)).astype(np.uint8)
    true, pred = coarse.repeat(9, axis=1).repeat(9, axis=2)
    counts = boundary_counts(true, pred, 4, distance)
    for label in range(4):
        ours, theirs = (
            published_boundary((ids == label).astype(np.uint8), distance) for ids in (true, pred)
        )
        np.testing.assert_array_equal(counts[label], [(ours & theirs).sum(), (ours | theirs).sum()])


def test_ignored_truth_neither_counts_nor_makes_an_outline() -> None:
    true, pred = square(2, 2), square(2, 2)
    true[4, 4] = 255  # the centre of the square, two pixels from its rim
    pred[4, 4] = 0
    np.testing.assert_array_equal(boundary_counts(true, pred, 2, 1)[1], [16, 16])
    true[2, 2] = 255  # a corner
    np.testing.assert_array_equal(boundary_counts(true, pred, 2, 1)[1], [15, 15])


def test_invalid_arguments_are_rejected() -> None:
    labels = np.zeros((5, 5), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        boundary_counts(labels, labels[:4], 2, 1)
    with pytest.raises(ValueError, match="distance 0"):
        boundary_counts(labels, labels, 2, 0)
    with pytest.raises(ValueError, match="ids above 1"):
        boundary_counts(labels, labels + np.uint8(2), 2, 1)
