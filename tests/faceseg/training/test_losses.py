"""The loss against values worked by hand, and against numpy on random input."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from faceseg.training.losses import CrossEntropyDice

from .loss_gradient import gradient

# One image of two pixels and two classes. Pixel 0 is class 0, predicted with probability 3/4;
# pixel 1 is class 1, predicted with probability 1/2.
LABELS = np.array([[[0, 1]]], dtype=np.uint8)
LOGITS = np.log(np.array([[[[0.75, 0.25], [0.5, 0.5]]]], dtype=np.float32))
CROSS_ENTROPY = -(np.log(0.75) + np.log(0.5)) / 2
# Dice of class 0: (2 x 0.75 + 1) / (1 + 1.25 + 1); of class 1: (2 x 0.5 + 1) / (1 + 0.75 + 1).
DICE_LOSS = -(np.log(2.5 / 3.25) + np.log(2.0 / 2.75)) / 2


def value(loss: CrossEntropyDice, labels: NDArray[np.uint8], logits: NDArray[np.float32]) -> float:
    return float(ops.convert_to_numpy(loss(labels, logits)))


def by_numpy(labels: NDArray[np.uint8], logits: NDArray[np.float32]) -> tuple[float, float]:
    """Return cross-entropy and Dice loss, pixel by pixel and class by class, in float64."""
    wide = logits.astype(np.float64)
    probability = np.exp(wide) / np.exp(wide).sum(axis=-1, keepdims=True)
    kept = labels != 255
    entropies = [
        -np.log(probability[place][labels[place]]) for place in zip(*np.nonzero(kept), strict=True)
    ]
    losses = []
    for label in np.unique(labels[kept]):
        truth, share = labels[kept] == label, probability[kept][:, label]
        losses.append(-np.log((2 * share[truth].sum() + 1) / (truth.sum() + share.sum() + 1)))
    return float(np.mean(entropies)), float(np.mean(losses))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1.0, 0.0), CROSS_ENTROPY),
        ((0.0, 1.0), DICE_LOSS),
        ((1.0, 1.0), CROSS_ENTROPY + DICE_LOSS),
        ((0.5, 3.0), 0.5 * CROSS_ENTROPY + 3.0 * DICE_LOSS),
    ],
)
def test_two_pixels_match_the_hand_count(weights: tuple[float, float], expected: float) -> None:
    assert value(CrossEntropyDice(*weights), LABELS, LOGITS) == pytest.approx(expected, rel=1e-6)


def test_the_dice_is_of_the_batch_and_not_a_mean_of_its_images() -> None:
    # The same two pixels as two images: the sums over the batch are the same.
    one_each = value(CrossEntropyDice(), LABELS.reshape(2, 1, 1), LOGITS.reshape(2, 1, 1, 2))
    assert one_each == pytest.approx(CROSS_ENTROPY + DICE_LOSS, rel=1e-6)


def test_a_class_that_is_not_in_the_truth_is_left_out_of_the_dice_mean() -> None:
    # A third class with (almost) no probability changes nothing; in the mean its Dice would be 1.
    third = np.full((1, 1, 2, 1), -30, np.float32)
    logits = np.concatenate([LOGITS, third], axis=-1)
    assert value(CrossEntropyDice(0, 1), LABELS, logits) == pytest.approx(DICE_LOSS, rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_it_equals_a_numpy_computation_on_random_input(seed: int) -> None:
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 5, (3, 6, 7)).astype(np.uint8)
    labels[draws.random(labels.shape) < 0.3] = 255
    labels[labels == 4] = 3  # one class occurs nowhere
    logits = 3 * draws.standard_normal((3, 6, 7, 5)).astype(np.float32)
    entropy, dice = by_numpy(labels, logits)
    assert value(CrossEntropyDice(), labels, logits) == pytest.approx(entropy + dice, rel=1e-5)
    assert value(CrossEntropyDice(2, 0.5), labels, logits) == pytest.approx(
        2 * entropy + 0.5 * dice, rel=1e-5
    )


def test_ignored_pixels_change_nothing_and_give_no_gradient() -> None:
    labels = np.array([[[0, 255, 1]]], dtype=np.uint8)
    logits = np.insert(LOGITS, 1, [-3, 5], axis=2)
    other = logits.copy()
    other[0, 0, 1] = [700, -700]
    for given in (logits, other):
        found = value(CrossEntropyDice(), labels, given)
        assert found == pytest.approx(CROSS_ENTROPY + DICE_LOSS, rel=1e-6)
    slope = gradient(CrossEntropyDice(), labels, logits)
    np.testing.assert_array_equal(slope[0, 0, 1], [0, 0])
    np.testing.assert_allclose(
        slope[0, 0, [0, 2]], gradient(CrossEntropyDice(), LABELS, LOGITS)[0, 0], rtol=1e-5
    )
    assert np.all(slope[0, 0, [0, 2]] != 0)


def test_a_batch_of_ignored_pixels_alone_has_loss_zero() -> None:
    nothing = np.full((1, 1, 2), 255, np.uint8)
    assert value(CrossEntropyDice(), nothing, LOGITS) == 0
    assert not np.any(gradient(CrossEntropyDice(), nothing, LOGITS))


def test_a_perfect_prediction_costs_nothing_and_a_sure_error_much_but_finitely() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (2, 8, 8)).astype(np.uint8)
    sure = 80 * np.eye(4, dtype=np.float32)[labels]
    assert value(CrossEntropyDice(), labels, sure) == pytest.approx(0, abs=1e-6)
    wrong = 80 * np.eye(4, dtype=np.float32)[(labels + 1) % 4]
    assert 80 <= value(CrossEntropyDice(1, 0), labels, wrong) < 81


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    # 10000 pixels, each with probability 1/2: float16 cannot count beyond 2048 by ones.
    labels = np.zeros((1, 100, 100), np.uint8)
    logits = np.zeros((1, 100, 100, 2), np.float16)
    dice = (2 * 5000 + 1) / (10000 + 5000 + 1)
    assert value(CrossEntropyDice(), labels, logits) == pytest.approx(np.log(2) - np.log(dice))


def test_it_comes_back_from_its_serialised_form() -> None:
    loss = CrossEntropyDice(0.25, 2.0, name="mine")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(again, CrossEntropyDice)
    assert (again.cross_entropy_weight, again.dice_weight, again.name) == (0.25, 2.0, "mine")
    assert value(again, LABELS, LOGITS) == value(loss, LABELS, LOGITS)
