"""The notebook's formulas give the impossible values that it published."""

import math

import numpy as np
import pytest

from faceseg.metrics import legacy
from faceseg.metrics.confusion_matrix import confusion, pixel_accuracy

# Ten pixels, eight of them background: nine are right, and an eye (4) is predicted as nose (6).
TRUE = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 4])
PRED = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 6])
COUNTS = confusion(TRUE, PRED, 11)


def test_dice_and_precision_exceed_one() -> None:
    assert legacy.legacy_iou(COUNTS) == 9 / 10
    assert legacy.legacy_dice(COUNTS) == 18 / 10
    assert legacy.legacy_precision(COUNTS) == 9 / 2
    assert legacy.legacy_recall(COUNTS) == 9 / 2
    assert legacy.legacy_rmse(COUNTS) == pytest.approx(math.sqrt((6 - 4) ** 2 / 10))


def test_they_equal_the_notebook_expressions_and_pixel_accuracy() -> None:
    true, pred = np.random.default_rng(5).integers(0, 11, (2, 400))
    counts = confusion(true, pred, 11)
    hits = np.sum(true == pred)
    assert legacy.legacy_iou(counts) == pixel_accuracy(counts)
    assert legacy.legacy_dice(counts) == pytest.approx(2 * pixel_accuracy(counts))
    assert legacy.legacy_precision(counts) == hits / np.sum(pred > 0)
    assert legacy.legacy_recall(counts) == hits / np.sum(true > 0)
    assert legacy.legacy_rmse(counts) == pytest.approx(np.sqrt(np.mean((true - pred) ** 2)))


def test_a_zero_denominator_is_nan() -> None:
    background = confusion(np.zeros(4, int), np.zeros(4, int), 11)
    assert math.isnan(legacy.legacy_precision(background))
    assert math.isnan(legacy.legacy_recall(background))
    assert math.isnan(legacy.legacy_rmse(np.zeros((11, 11), np.int64)))
