"""Label smoothing, Lovász-softmax and hard pixels against hand-worked values and brute force."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from faceseg.training.losses import CrossEntropyDice
from faceseg.training.settings import TrainingSettings

from .loss_gradient import gradient

Labels = NDArray[np.uint8]
Logits = NDArray[np.float32]

# Four pixels of two classes. The probability of class 1 is 0.8, 0.4, 0.3 and 0.1; the first two
# pixels are class 1. The errors of either class are 0.2, 0.6, 0.3 and 0.1.
LABELS = np.array([[[1, 1, 0, 0]]], dtype=np.uint8)
PROBABILITY = np.array([0.8, 0.4, 0.3, 0.1])
LOGITS = np.log(np.stack([1 - PROBABILITY, PROBABILITY], axis=-1))[None, None].astype(np.float32)
# Sorted by error, class 1: pixels 1 (true), 2, 0 (true), 3. As they become wrong one by one, its
# IoU is 1/2, 1/3, 0, 0: the loss 1 - IoU grows by 1/2, 1/6, 1/3, 0.
OF_CLASS_1 = 0.6 / 2 + 0.3 / 6 + 0.2 / 3
# Class 0: pixel 1, then 2 (true), 0, 3 (true). Its IoU is 2/3, 1/3, 1/4, 0.
OF_CLASS_0 = 0.6 / 3 + 0.3 / 3 + 0.2 / 12 + 0.1 / 4
TRUE = np.array([0.8, 0.4, 0.7, 0.9])  # the probability of each pixel's own class


def value(loss: CrossEntropyDice, labels: Labels, logits: Logits) -> float:
    return float(ops.convert_to_numpy(loss(labels, logits)))


def lovasz() -> CrossEntropyDice:
    return CrossEntropyDice(0, 0, lovasz_weight=1)


def smooth(share: float) -> CrossEntropyDice:
    return CrossEntropyDice(1, 0, label_smoothing=share)


def hard(probability: float, share: float, **options: Any) -> CrossEntropyDice:
    return CrossEntropyDice(1, 0, hard_pixels=(probability, share), **options)


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    wide = np.exp(logits.astype(np.float64))
    return np.asarray(wide / wide.sum(axis=-1, keepdims=True))


def brute_lovasz(labels: Labels, logits: NDArray[Any]) -> float:
    """Return the loss by its definition: the IoU loss of each set of the most wrong pixels."""
    kept = labels != 255
    truth, probability = labels[kept], softmax(logits)[kept]
    losses = []
    for label in np.unique(truth):
        true = truth == label
        errors = np.abs(true - probability[:, label])
        order = np.argsort(-errors)
        loss, before = 0.0, 0.0
        for number in range(1, len(order) + 1):
            predicted = true.copy()
            predicted[order[:number]] ^= True  # these pixels are wrong
            iou_loss = 1 - (predicted & true).sum() / (predicted | true).sum()
            loss += errors[order[number - 1]] * (iou_loss - before)
            before = iou_loss
        losses.append(loss)
    return float(np.mean(losses))


def brute_smooth(labels: Labels, logits: NDArray[Any]) -> float:
    """Return the cross-entropy with 90 % on the true class and 10 % on all."""
    kept = labels != 255
    probability = softmax(logits)[kept]
    target = 0.9 * np.eye(logits.shape[-1])[labels[kept]] + 0.1 / logits.shape[-1]
    return float(-(target * np.log(probability)).sum(axis=-1).mean())


def brute_hard(labels: Labels, logits: NDArray[Any]) -> float:
    """Return the mean cross-entropy of pixels below 0.1, and of at least a third of them."""
    kept = labels != 255
    probability = softmax(logits)[kept]
    losses = np.sort(-np.log(probability[np.arange(len(probability)), labels[kept]]))[::-1]
    count = max(int((losses > -np.log(0.1)).sum()), int(np.ceil(len(losses) / 3)))
    return float(losses[:count].mean())


CASES = {
    "lovasz": (lovasz, brute_lovasz),
    "smoothing": (lambda: smooth(0.1), brute_smooth),
    "hard": (lambda: hard(0.1, 1 / 3), brute_hard),
}
on_every_option = pytest.mark.parametrize(("make", "brute"), CASES.values(), ids=CASES)
Make = Callable[[], CrossEntropyDice]
Brute = Callable[[Labels, NDArray[Any]], float]


def random_input(seed: int) -> tuple[Labels, Logits]:
    """Return labels with ignored pixels and an absent class, and logits."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 3, (2, 3, 4)).astype(np.uint8)
    labels[draws.random(labels.shape) < 0.3] = 255
    return labels, 2 * draws.standard_normal((2, 3, 4, 4)).astype(np.float32)


def test_lovasz_matches_the_hand_count() -> None:
    expected = (OF_CLASS_0 + OF_CLASS_1) / 2
    assert value(lovasz(), LABELS, LOGITS) == pytest.approx(expected, rel=1e-5)


def test_lovasz_of_sure_predictions_is_one_minus_the_mean_iou() -> None:
    # One of four pixels is wrong: IoU 2/3 of class 0 and 1/2 of class 1.
    predicted = np.array([[[1, 0, 0, 0]]])
    sure = 50 * np.eye(2, dtype=np.float32)[predicted]
    assert value(lovasz(), LABELS, sure) == pytest.approx(1 - (2 / 3 + 1 / 2) / 2, rel=1e-5)


def test_smoothing_spreads_a_share_of_the_target_over_all_classes() -> None:
    # With 0.2 over two classes, the target is 0.9 for the true class and 0.1 for the other.
    expected = -np.mean(0.9 * np.log(TRUE) + 0.1 * np.log(1 - TRUE))
    assert value(smooth(0.2), LABELS, LOGITS) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("probability", "share", "kept"),
    [
        (0.75, 0.25, [0.4, 0.7]),  # the two below 0.75
        (0.5, 0.25, [0.4]),
        (0.1, 0.25, [0.4]),  # none is below 0.1: at least one of four
        (0.1, 0.3, [0.4, 0.7]),  # 0.3 of four pixels is rounded up to two
        (0.75, 1.0, TRUE),
    ],
)
def test_hard_pixels_match_the_hand_count(probability: float, share: float, kept: Any) -> None:
    expected = -np.mean(np.log(kept))
    assert value(hard(probability, share), LABELS, LOGITS) == pytest.approx(expected, rel=1e-5)


def test_equally_hard_pixels_are_all_kept() -> None:
    # 0.4, 0.7, 0.7, 0.9: a half is two pixels, of which the second is as hard as the third.
    labels = np.array([[[1, 0, 0, 0]]], dtype=np.uint8)
    logits = LOGITS[:, :, [1, 2, 2, 3]]
    expected = -np.mean(np.log([0.4, 0.7, 0.7]))
    assert value(hard(0.1, 0.5), labels, logits) == pytest.approx(expected, rel=1e-5)


@on_every_option
@pytest.mark.parametrize("seed", range(4))
def test_an_option_equals_brute_force_on_random_input(make: Make, brute: Brute, seed: int) -> None:
    labels, logits = random_input(seed)
    assert value(make(), labels, logits) == pytest.approx(brute(labels, logits), rel=1e-5)


@on_every_option
def test_its_gradient_equals_differences_of_brute_force(make: Make, brute: Brute) -> None:
    labels, logits = random_input(5)
    labels, logits = labels.reshape(1, 6, 4), logits.reshape(1, 6, 4, 4)
    slope, step = np.zeros(logits.shape), 1e-6
    wide = logits.astype(np.float64)
    for place in np.ndindex(logits.shape):
        moved = wide.copy()
        moved[place] += step
        slope[place] = (brute(labels, moved) - brute(labels, wide)) / step
    found = gradient(make(), labels, logits)
    np.testing.assert_allclose(found, slope, atol=3e-6)
    assert np.abs(slope).max() > 0.01
    assert not found[labels == 255].any()


@on_every_option
def test_ignored_pixels_change_nothing(make: Make, brute: Brute) -> None:
    labels = np.insert(LABELS, [0, 2], 255, axis=2)
    for logit in (0, -9, 9):
        logits = np.insert(LOGITS, [0, 2], [logit, -logit], axis=2)
        expected = pytest.approx(value(make(), LABELS, LOGITS), rel=1e-6)
        assert value(make(), labels, logits) == expected
    nothing = np.full_like(LABELS, 255)
    assert value(make(), nothing, LOGITS) == 0
    assert not gradient(make(), nothing, LOGITS).any()


@on_every_option
def test_half_precision_logits_give_the_loss_in_single_precision(make: Make, brute: Brute) -> None:
    labels, logits = random_input(6)
    half = logits.astype(np.float16)
    found = ops.convert_to_numpy(make()(labels, half))
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(brute(labels, half), rel=1e-5)


def test_the_options_combine() -> None:
    labels, logits = random_input(7)
    loss = hard(0.999, 1, label_smoothing=0.1, lovasz_weight=2)  # every pixel is hard
    expected = brute_smooth(labels, logits) + 2 * brute_lovasz(labels, logits)
    assert value(loss, labels, logits) == pytest.approx(expected, rel=1e-5)


def test_a_loss_with_options_comes_back_from_its_serialised_form() -> None:
    loss = hard(0.7, 0.5, label_smoothing=0.1, lovasz_weight=2)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    labels, logits = random_input(8)
    assert value(again, labels, logits) == value(loss, labels, logits)


def test_the_settings_reach_the_loss(
    run: Callable[..., Any], compile_tiny: Callable[..., Any], settings: TrainingSettings
) -> None:
    options = {"lovasz_weight": 1.0, "label_smoothing": 0.1, "hard_pixel_probability": 0.7}
    changed = settings.model_copy(update=options)
    network = compile_tiny(changed)
    loss = network.model.segmentation_loss
    assert (loss.lovasz_weight, loss.label_smoothing) == (1.0, 0.1)
    assert loss.hard_pixels == (0.7, 1 / 16)
    outcome = run(network=network, **options)
    assert outcome.best_iou > 0.3
