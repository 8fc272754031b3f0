"""BatchNorm against its formula in NumPy, and against Keras's own layer through a step."""

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from faceseg.networks.layers import BatchNorm

Array = NDArray[np.float32]

MAPS = np.random.default_rng(0).normal(2, 3, (3, 4, 5, 6)).astype(np.float32)
SCALE, OFFSET = np.linspace(0.5, 2, 6), np.linspace(-1, 1, 6)
MEAN, VARIANCE = np.linspace(-2, 3, 6), np.linspace(0.5, 4, 6)


def make_layer(kind: type[keras.layers.Layer] = BatchNorm, **options: object) -> keras.layers.Layer:
    layer = kind(epsilon=1e-3, momentum=0.9, name="norm", **options)
    layer.build(MAPS.shape)
    layer.set_weights([SCALE, OFFSET, MEAN, VARIANCE])
    return layer


def normalised(maps: Array, mean: Array, variance: Array) -> Array:
    return (maps - mean) / np.sqrt(variance + 1e-3) * SCALE + OFFSET


def test_training_uses_the_batch_and_updates_the_averages() -> None:
    layer = make_layer()
    outputs = ops.convert_to_numpy(layer(MAPS, training=True))
    mean, variance = MAPS.mean((0, 1, 2)), MAPS.var((0, 1, 2))
    np.testing.assert_allclose(outputs, normalised(MAPS, mean, variance), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.9 * MEAN + 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 * VARIANCE + 0.1 * variance, rtol=1e-5)


@pytest.mark.parametrize(("training", "trainable"), [(False, True), (True, False)])
def test_otherwise_the_averages_are_used_and_stay(training: bool, trainable: bool) -> None:
    layer = make_layer()
    layer.trainable = trainable
    outputs = ops.convert_to_numpy(layer(MAPS, training=training))
    np.testing.assert_allclose(outputs, normalised(MAPS, MEAN, VARIANCE), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, MEAN, rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, VARIANCE, rtol=1e-6)


def test_one_pixel_has_no_variance_and_gives_the_offset() -> None:
    layer = make_layer()
    outputs = ops.convert_to_numpy(layer(MAPS[:1, :1, :1], training=True))
    np.testing.assert_allclose(outputs[0, 0, 0], OFFSET, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 * VARIANCE, rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_sixteen_bits_differ_by_their_rounding_alone(policy: str) -> None:
    layer = make_layer(dtype=policy)
    outputs = layer(MAPS, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    mean, variance = MAPS.mean((0, 1, 2)), MAPS.var((0, 1, 2))
    found = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    np.testing.assert_allclose(found, normalised(MAPS, mean, variance), atol=0.06)
    np.testing.assert_allclose(layer.moving_mean, 0.9 * MEAN + 0.1 * mean, atol=0.01)


@pytest.mark.parametrize("frozen", [False, True])
def test_steps_change_all_weights_as_keras_own_layer_does(frozen: bool) -> None:
    targets = np.random.default_rng(1).normal(size=MAPS.shape).astype(np.float32)
    weights = []
    for kind in (BatchNorm, keras.layers.BatchNormalization):
        keras.utils.set_random_seed(1)
        image = keras.Input(MAPS.shape[1:])
        layer = kind(epsilon=1e-3, momentum=0.9, name="norm", trainable=not frozen)
        model = keras.Model(image, layer(keras.layers.Conv2D(6, 3, padding="same")(image)))
        model.compile(keras.optimizers.SGD(0.05), "mse")
        for _ in range(3):
            model.train_on_batch(MAPS, targets)
        weights.append(model.get_weights())
    assert not frozen or (weights[0][2] == 1).all()
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
