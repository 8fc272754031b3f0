"""Scores of a confusion matrix against hand counts and scikit-learn."""

import math

import hypothesis
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import strategies
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from faceseg.data.classes import LAPA, ClassSet
from faceseg.metrics import confusion_matrix

# One 2x2 image worked by hand: class 0 has 1 hit in a union of 2, class 1 has 2 in 3.
TRUE = np.array([[[0, 0], [1, 1]]])
PRED = np.array([[[0, 1], [1, 1]]])

THREE = ClassSet(
    names=("background", "skin", "eye"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    small=(2,),
    face=(1, 2),
    eyes=(2,),
)
# Rows truth, columns prediction. Class 0 has 6 hits, 1 miss and 2 false pixels, class 1 has 4, 2
# and 2, class 2 has 1, 1 and 0. Unions: 6 + 1 + 2 = 9; 4 + 2 + 2 = 8; 1 + 1 + 0 = 2.
COUNTS = np.array([[6, 1, 0], [2, 4, 0], [0, 1, 1]], dtype=np.int64)

labels = arrays.arrays(
    np.uint8,
    arrays.array_shapes(min_dims=1, max_dims=3, max_side=6),
    elements=strategies.integers(0, 4),
)


def test_confusion_counts_truth_in_rows_and_prediction_in_columns() -> None:
    np.testing.assert_array_equal(confusion_matrix.confusion(TRUE, PRED, 2), [[1, 1], [0, 2]])
    assert confusion_matrix.confusion(TRUE, PRED, 2).dtype == np.int64


def test_ratios_match_the_hand_count() -> None:
    counts = confusion_matrix.confusion(TRUE, PRED, 2)
    np.testing.assert_allclose(confusion_matrix.class_iou(counts), [1 / 2, 2 / 3])
    np.testing.assert_allclose(confusion_matrix.class_dice(counts), [2 / 3, 4 / 5])
    np.testing.assert_allclose(confusion_matrix.class_precision(counts), [1, 2 / 3])
    np.testing.assert_allclose(confusion_matrix.class_recall(counts), [1 / 2, 1])


def test_a_class_without_pixels_is_nan_not_one() -> None:
    counts = confusion_matrix.confusion(TRUE, PRED, 3)
    for ratio in (confusion_matrix.class_iou, confusion_matrix.class_dice):
        assert np.isnan(ratio(counts)[2])


def test_ignored_truth_is_left_out_whatever_is_predicted_there() -> None:
    true = np.array([255, 0, 1, 255], dtype=np.uint8)
    pred = np.array([1, 0, 1, 255], dtype=np.uint8)
    np.testing.assert_array_equal(confusion_matrix.confusion(true, pred, 2), [[1, 0], [0, 1]])


@pytest.mark.parametrize("type_", [np.int64, np.uint8])
@pytest.mark.parametrize(("true", "pred"), [([2], [0]), ([0], [2]), ([0], [255]), ([-2], [0])])
def test_ids_out_of_range_are_rejected(true: list[int], pred: list[int], type_: type) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        confusion_matrix.confusion(np.array(true).astype(type_), np.array(pred).astype(type_), 2)


@pytest.mark.parametrize("shape", [(0,), (7,), (40, 30), (2, 5, 6)])
def test_bytes_are_counted_as_larger_integers_and_by_scikit_learn(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    true, pred = (rng.integers(0, 19, shape).astype(np.uint8) for _ in range(2))
    true[true == 18] = 255
    found = confusion_matrix.confusion(true[::-1], pred[::-1], 19)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, confusion_matrix.confusion(true.astype(int), pred, 19))
    kept = true < 255
    if kept.any():
        expected = sklearn.metrics.confusion_matrix(true[kept], pred[kept], labels=range(19))
        np.testing.assert_array_equal(found, expected)


def test_more_pixels_than_a_float32_can_count_are_counted() -> None:
    labels = np.zeros(2**24 + 3, np.uint8)
    assert confusion_matrix.confusion(labels, labels, 2)[0, 0] == 2**24 + 3


def test_unequal_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match="shape"):
        confusion_matrix.confusion(np.zeros((2, 2), np.uint8), np.zeros(4, np.uint8), 2)


def test_scores_match_the_hand_count() -> None:
    found = confusion_matrix.scores(COUNTS, THREE)
    expected = {
        "iou/background": 6 / 9,
        "iou/skin": 4 / 8,
        "iou/eye": 1 / 2,
        "iou": 1 / 2,
        "iou_with_background": (6 / 9 + 1 / 2 + 1 / 2) / 3,
        "iou_small": 1 / 2,
        "dice/skin": 8 / 12,
        "dice": (8 / 12 + 2 / 3) / 2,
        "precision": (4 / 6 + 1) / 2,
        "recall": (4 / 6 + 1 / 2) / 2,
        "pixel_accuracy": 11 / 15,
        "frequency_weighted_iou": (7 * 6 / 9 + 6 / 2 + 2 / 2) / 15,
        "classes_averaged": 2,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_an_absent_class_is_left_out_of_the_means() -> None:
    counts = COUNTS.copy()
    counts[2] = 0
    found = confusion_matrix.scores(counts, THREE)
    # Class 1 has 4 hits in a union of 7; there is no eye.
    assert found["iou"] == found["iou/skin"] == pytest.approx(4 / 7)
    assert math.isnan(found["iou_small"])
    assert found["classes_averaged"] == 1


def test_an_empty_matrix_has_no_scores_and_raises_no_warning() -> None:
    found = confusion_matrix.scores(np.zeros((11, 11), np.int64), LAPA)
    assert found.pop("classes_averaged") == 0
    assert all(math.isnan(value) for value in found.values())


def test_scores_reject_a_matrix_of_another_class_set() -> None:
    with pytest.raises(ValueError, match="11 classes"):
        confusion_matrix.scores(COUNTS, LAPA)


def test_counts_beyond_32_bits_keep_their_ratios() -> None:
    large = confusion_matrix.scores(COUNTS * 10**12, THREE)
    assert large == pytest.approx(confusion_matrix.scores(COUNTS, THREE), rel=1e-12)


@hypothesis.given(
    labels.flatmap(lambda true: strategies.tuples(strategies.just(true), _like(true)))
)
def test_ratios_agree_with_scikit_learn(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> None:
    true, pred = pair
    ids = list(range(6))  # id 5 occurs nowhere
    counts = confusion_matrix.confusion(true, pred, 6)
    flat = (true.ravel(), pred.ravel())
    np.testing.assert_array_equal(counts, sklearn.metrics.confusion_matrix(*flat, labels=ids))
    for ours, theirs in (
        (confusion_matrix.class_iou, sklearn.metrics.jaccard_score),
        (confusion_matrix.class_dice, sklearn.metrics.f1_score),
        (confusion_matrix.class_precision, sklearn.metrics.precision_score),
        (confusion_matrix.class_recall, sklearn.metrics.recall_score),
    ):
        # scikit-learn gives absent classes the score 0, not NaN.
        other = theirs(*flat, labels=ids, average=None, zero_division=0)
        absent = np.isnan(ours(counts))
        assert not other[absent].any()
        np.testing.assert_allclose(ours(counts)[~absent], other[~absent], rtol=0, atol=1e-12)


def _like(true: NDArray[np.uint8]) -> strategies.SearchStrategy[NDArray[np.uint8]]:
    return arrays.arrays(np.uint8, true.shape, elements=strategies.integers(0, 4))


@hypothesis.given(arrays.arrays(np.int64, (4, 4), elements=strategies.integers(0, 10**9)))
def test_dice_is_a_function_of_iou(counts: NDArray[np.int64]) -> None:
    iou = confusion_matrix.class_iou(counts)
    np.testing.assert_allclose(confusion_matrix.class_dice(counts), 2 * iou / (1 + iou), atol=1e-12)


def test_two_halves_add_up_to_one_pass_in_any_order() -> None:
    draws = np.random.default_rng(3)
    true, pred = draws.integers(0, 5, (2, 7, 9, 8))
    whole = confusion_matrix.confusion(true, pred, 5)
    halves = confusion_matrix.confusion(true[:3], pred[:3], 5) + confusion_matrix.confusion(
        true[3:], pred[3:], 5
    )
    order = draws.permutation(7)
    np.testing.assert_array_equal(halves, whole)
    np.testing.assert_array_equal(confusion_matrix.confusion(true[order], pred[order], 5), whole)
    per_image = confusion_matrix.confusion_per_image(true, pred, 5)
    np.testing.assert_array_equal(per_image.sum(axis=0), whole)
    np.testing.assert_array_equal(per_image[2], confusion_matrix.confusion(true[2], pred[2], 5))


def test_per_image_iou_averages_the_classes_of_each_truth() -> None:
    only_skin = np.array([[0, 0, 0], [0, 3, 1], [0, 0, 0]])  # eye predicted, not in the truth
    nothing = np.array([[4, 0, 0], [0, 0, 0], [0, 0, 0]])
    found = confusion_matrix.per_image_iou(np.stack([COUNTS, only_skin, nothing]), THREE)
    np.testing.assert_allclose(found, [1 / 2, 3 / 4, np.nan])


def test_the_worst_tenth_is_rounded_up_and_leaves_out_nan() -> None:
    eleven = np.array([0.9, 0.8, 0.1, 0.9, 0.9, 0.9, 0.3, 0.9, 0.9, 0.9, 0.9, np.nan])
    assert confusion_matrix.worst_tenth(eleven) == pytest.approx((0.1 + 0.3) / 2)
    assert confusion_matrix.worst_tenth(np.array([0.4, 0.6])) == pytest.approx(0.4)
    assert math.isnan(confusion_matrix.worst_tenth(np.array([np.nan])))


def test_false_presence_needs_sixteen_pixels_in_an_image_without_the_class() -> None:
    fifteen = np.array([[5, 0, 15], [0, 9, 0], [0, 0, 0]])
    sixteen = np.array([[5, 0, 15], [0, 9, 1], [0, 0, 0]])
    has_eye = np.array([[5, 0, 99], [0, 9, 0], [0, 0, 1]])
    found = confusion_matrix.false_presence(np.stack([fifteen, sixteen, has_eye]))
    np.testing.assert_allclose(found, [np.nan, np.nan, 1 / 2])
