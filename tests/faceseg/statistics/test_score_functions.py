"""Scores of summed counts, against those of confusion matrices and by hand."""

from functools import partial

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.metrics.boundary import boundary_counts, boundary_iou
from faceseg.metrics.confusion_matrix import class_dice, class_iou, mean_of_defined
from faceseg.robustness.summary import summarise
from faceseg.statistics import area_under_curve, mean_dice, mean_iou, overlap_counts, retention

# Class 0 has 6 hits, class 1 has 2, class 2 does not occur; 1 and 3 pixels are confused.
COUNTS = np.array([[6, 1, 0], [3, 2, 0], [0, 0, 0]])


def test_overlap_counts_by_hand():
    # Unions: 6 + 1 + 3 and 2 + 1 + 3.
    np.testing.assert_array_equal(overlap_counts(COUNTS), [[6, 10], [2, 6], [0, 0]])


def test_an_absent_class_is_left_out_and_the_mean_of_none_is_nan():
    counts = overlap_counts(COUNTS).astype(float)
    assert mean_iou(counts) == pytest.approx(2 / 6)
    assert mean_dice(counts) == pytest.approx(4 / 8)  # 2 x 2 hits, 5 true and 3 predicted
    assert mean_iou(counts, [0, 1]) == pytest.approx((6 / 10 + 2 / 6) / 2)
    assert np.isnan(mean_iou(counts, [2]))
    assert np.isnan(mean_dice(counts, [2]))


@pytest.mark.parametrize("classes", [range(1, 11), LAPA.small, LAPA.eyes])
def test_iou_and_dice_are_those_of_the_matrices(classes):
    matrices = np.random.default_rng(0).integers(0, 50, (4, 3, 11, 11))
    matrices[0, 0, 4] = matrices[0, 0, :, 4] = 0
    counts, chosen = overlap_counts(matrices), list(classes)
    for ours, theirs in ((mean_iou, class_iou), (mean_dice, class_dice)):
        expected = mean_of_defined(theirs(matrices)[..., chosen])
        np.testing.assert_allclose(ours(counts, chosen), expected, rtol=1e-12)


def test_boundary_counts_can_be_scored():
    draws = np.random.default_rng(0)
    images = draws.integers(0, 3, (2, 5, 8, 8)).astype(np.uint8)
    counts = np.array(
        [boundary_counts(true, pred, 3, 1) for true, pred in zip(*images, strict=True)]
    )
    expected = boundary_iou(counts.sum(axis=0))[1:].mean()
    assert mean_iou(counts.sum(axis=0)) == pytest.approx(expected)


def curve(*scores):
    """Return counts of two classes with these IoUs of the foreground, (1 + K, 2, 2)."""
    return np.array([[[5, 5], [100 * score, 100]] for score in scores])


def test_area_and_retention_by_hand():
    # Clean 0.8, 0.6 in the middle and 0.4 at the end: trapezoids of 0.7 and 0.5, half each.
    counts = curve(0.8, 0.6, 0.4)
    assert area_under_curve(counts, mean_iou, [0.25, 0.5]) == pytest.approx(0.6)
    assert retention(counts, mean_iou, [0.25, 0.5]) == pytest.approx(0.75)


def test_area_and_retention_equal_those_of_the_summary():
    scores, shares = (0.9, 0.8, 0.85, 0.3, 0.1), (0.1, 0.3, 0.45, 0.7)
    expected = summarise({"blob": dict(zip(shares, scores[1:], strict=True))}, scores[0])
    counts = curve(*scores)
    assert area_under_curve(counts, mean_iou, shares) == pytest.approx(expected.iou["blob"])
    assert retention(counts, mean_iou, shares) == pytest.approx(expected.retention["blob"])
    # The same for several resamples or seeds at once, and with the severities in another order.
    swapped = np.stack([counts[[0, 3, 1, 2, 4]]] * 6).reshape(2, 3, 5, 2, 2)
    found = retention(swapped, partial(mean_iou, classes=[1]), (0.45, 0.1, 0.3, 0.7))
    np.testing.assert_allclose(found, np.full((2, 3), expected.retention["blob"]))


def test_a_clean_score_of_zero_has_no_retention():
    assert np.isnan(retention(curve(0, 0, 0), mean_iou, [0.25, 0.5]))
    assert area_under_curve(curve(0, 0, 0), mean_iou, [0.25, 0.5]) == 0


def test_shares_must_fit_the_conditions():
    with pytest.raises(ValueError, match="share of its own"):
        area_under_curve(curve(0.8, 0.6, 0.4), mean_iou, [0.3, 0.3])
    with pytest.raises(ValueError, match="above 0"):
        area_under_curve(curve(0.8, 0.6), mean_iou, [0.0])
    with pytest.raises(ValueError, match=r"2 shares for counts of shape \(2, 2, 2\)"):
        area_under_curve(curve(0.8, 0.6), mean_iou, [0.3, 0.5])
