"""The encoder equals Keras's MobileNetV2, and its dilated form has the strided one's values."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from faceseg.networks.blocks import image_input
from faceseg.networks.encoder import encoder_layers
from faceseg.networks.mobilenetv2 import LEVELS, encode

ALPHA = 0.35


def encoder(height: int, width: int, **options: Any) -> keras.Model:
    image, normalised = image_input(height, width)
    return keras.Model(image, encode(normalised, alpha=ALPHA, **options))


def keras_own(height: int, width: int) -> keras.Model:
    """Return Keras's network with random weights, moving statistics included."""
    model = keras.applications.MobileNetV2(
        input_shape=(height, width, 3), alpha=ALPHA, include_top=False, weights=None
    )
    random = np.random.default_rng(4)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, each.shape) for each in layer.weights])
    return model


def copy_by_name(source: keras.Model, target: keras.Model) -> None:
    for layer in encoder_layers(target):
        if layer.variables:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def outputs_of(model: keras.Model, images: Any) -> dict[str, Any]:
    found = model(images, training=False)
    return {name: keras.ops.convert_to_numpy(value) for name, value in found.items()}


def test_features_are_those_of_keras_with_the_same_weights(images: Callable[..., Any]) -> None:
    source, target = keras_own(96, 64), encoder(96, 64)
    copy_by_name(source, target)
    taps = {name: source.get_layer(name).output for name in LEVELS}
    given = images(96, 64)
    expected = outputs_of(keras.Model(source.input, taps), given / np.float32(127.5) - 1)
    for name, value in outputs_of(target, given).items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(value / scale, expected[name] / scale, atol=1e-5)


# Output stride, and the pixels of the dilated map that the strided network also has: a
# strided 3x3 window over an even map is centred on its second pixel.
@pytest.mark.parametrize(("stride", "shared"), [(16, slice(1, None, 2)), (8, slice(3, None, 4))])
def test_dilation_keeps_every_value_of_the_strided_network(
    stride: int, shared: slice, images: Callable[..., Any]
) -> None:
    source, dilated = encoder(96, 64), encoder(96, 64, output_stride=stride)
    copy_by_name(source, dilated)
    given = images(96, 64)
    strided = outputs_of(source, given)["block_16_project"]
    dense = outputs_of(dilated, given)["block_16_project"]
    assert dense.shape[1:3] == (96 // stride, 64 // stride)
    scale = np.abs(strided).max()
    np.testing.assert_allclose(dense[:, shared, shared] / scale, strided / scale, atol=1e-5)


def test_the_tensors_for_decoders_have_their_strides() -> None:
    sizes = [tensor.shape[1:3] for tensor in encoder(64, 96).output.values()]
    assert sizes == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    dilated = [tensor.shape[1:3] for tensor in encoder(64, 96, output_stride=8).output.values()]
    assert dilated == [(32, 48), (16, 24), (8, 12), (8, 12), (8, 12)]
