"""The Keras metric counts like `faceseg.metrics.confusion_matrix`, compiled or not."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from faceseg.metrics.confusion_matrix import Counts, class_iou, confusion, mean_of_defined
from faceseg.training.confusion_metric import ConfusionMatrix

CLASSES = 4


def drawn(images: int = 6) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw truth (N, 5, 7), a fifth of it ignored, and logits (N, 5, 7, C)."""
    draws = np.random.default_rng(11)
    true = draws.integers(0, CLASSES, (images, 5, 7)).astype(np.uint8)
    true[draws.random(true.shape) < 0.2] = 255
    return true, draws.standard_normal((*true.shape, CLASSES)).astype(np.float32)


def expected(true: NDArray[np.uint8], logits: NDArray[np.float32]) -> Counts:
    return confusion(true, logits.argmax(axis=-1), CLASSES)


def test_batches_of_any_size_give_the_counts_of_one_pass() -> None:
    true, logits = drawn()
    for size in (1, 4, 6):
        metric = ConfusionMatrix(CLASSES)
        for start in range(0, 6, size):
            metric.update_state(true[start : start + size], logits[start : start + size])
        np.testing.assert_array_equal(metric.counts(), expected(true, logits))
        assert metric.counts().dtype == np.int64


def test_the_result_is_the_mean_foreground_iou_in_float32() -> None:
    true, logits = drawn()
    logits[..., 3] = -9.0  # class 3 is never predicted
    true[true == 3] = 1  # nor is it in the truth
    metric = ConfusionMatrix(CLASSES)
    metric.update_state(true, logits)
    iou = mean_of_defined(class_iou(expected(true, logits))[1:])
    assert keras.backend.standardize_dtype(metric.result().dtype) == "float32"
    assert float(metric.result()) == pytest.approx(float(iou), rel=1e-6)


def test_without_foreground_the_result_is_nan_and_reset_clears_the_counts() -> None:
    metric = ConfusionMatrix(CLASSES)
    assert np.isnan(float(metric.result()))
    metric.update_state(*drawn())
    metric.reset_state()
    assert metric.counts().sum() == 0


def test_counts_pass_two_to_the_31st_and_the_carry_is_exact() -> None:
    metric = ConfusionMatrix(2)
    near = np.array([[2**30 - 1, 0], [5, 2**30 - 3]], dtype=np.int32)
    metric.low.assign(near)
    metric.high.assign(np.array([[9, 0], [0, 1]], dtype=np.int32))
    true = np.array([[[0, 0, 1, 1]]], dtype=np.uint8)
    logits = np.eye(2, dtype=np.float32)[np.array([[[0, 0, 1, 1]]])]
    metric.update_state(true, logits)
    np.testing.assert_array_equal(
        metric.counts(), [[9 * 2**30 + 2**30 + 1, 0], [5, 2**30 + 2**30 - 1]]
    )
    # Foreground: hits 2^31 - 1, five missed.
    assert float(metric.result()) == pytest.approx((2**31 - 1) / (2**31 + 4), rel=1e-6)


def test_sample_weights_are_refused() -> None:
    true, logits = drawn()
    with pytest.raises(ValueError, match="without weights"):
        ConfusionMatrix(CLASSES).update_state(true, logits, sample_weight=np.ones(6))


def test_it_comes_back_from_its_serialised_form() -> None:
    metric = ConfusionMatrix(CLASSES, name="train_iou")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(again, ConfusionMatrix)
    assert (again.num_classes, again.name) == (CLASSES, "train_iou")


# On torch this would run a C++ compiler for a minute, and no network here uses it.
@pytest.mark.parametrize("jit", [False] if keras.backend.backend() == "torch" else [False, True])
def test_a_compiled_model_counts_in_evaluate_and_in_train_on_batch(jit: bool) -> None:
    model = keras.Sequential([keras.Input((5, 7, CLASSES)), keras.layers.Conv2D(CLASSES, 1)])
    model.layers[0].set_weights([np.eye(CLASSES)[None, None], np.zeros(CLASSES)])
    metric = ConfusionMatrix(CLASSES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    model.compile("sgd", loss, metrics=[metric], jit_compile=jit)
    true, logits = drawn()
    wanted = expected(true, logits)

    found = model.evaluate(logits, true, batch_size=4, return_dict=True, verbose=0)
    np.testing.assert_array_equal(metric.counts(), wanted)
    assert found["iou"] == pytest.approx(float(mean_of_defined(class_iou(wanted)[1:])), rel=1e-6)

    model.reset_metrics()
    model.train_on_batch(logits, true)  # the forward pass comes before the step
    np.testing.assert_array_equal(metric.counts(), wanted)


def test_the_state_passes_through_a_stateless_update() -> None:
    metric = ConfusionMatrix(CLASSES)
    true, logits = drawn()
    state = [ops.convert_to_tensor(ops.zeros((CLASSES, CLASSES), "int32"))] * 2
    low, high = metric.stateless_update_state(state, true, logits)
    np.testing.assert_array_equal(ops.convert_to_numpy(low), expected(true, logits))
    assert not np.any(ops.convert_to_numpy(high))
