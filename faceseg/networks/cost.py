"""The cost of a network, counted from its layers: parameters and multiply-accumulates.

One multiply-accumulate (MAC) is one multiplication and one addition, about two floating-point
operations. Convolutions, dense layers and the matrix products of attention and of adaptive pooling
are counted, for one image. Biases, normalisation (it can be folded into the convolutions),
activations, max-pooling and interpolation are not, as is usual.
"""

import math
from collections.abc import Callable

import keras
from keras import layers

from faceseg.networks.attention import MapAttention
from faceseg.networks.layers import AdaptiveAveragePooling


def count_parameters(model: keras.Model) -> int:
    """Return the number of parameters, the moving statistics of BatchNorm included.

    The state of random generators is not counted. The number is that of
    `keras.Model.count_params`.
    """
    return int(model.count_params())


def count_macs(model: keras.Model) -> int:
    """Return the multiply-accumulates of the model for one image.

    Raises:
        TypeError: A layer has weights and its type is not in `MAC_COUNTERS`.
    """
    return sum(count_layer_macs(layer) for layer in model.layers)


def count_layer_macs(layer: keras.Layer) -> int:
    """Return the multiply-accumulates of one layer for one image."""
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    count = MAC_COUNTERS.get(type(layer))
    if count is not None:
        return count(layer)
    if layer.weights and not isinstance(layer, NORMALISATIONS):
        raise TypeError(f"layer {layer.name} ({type(layer).__name__}) has no MAC count")
    return 0


def convolution_macs(layer: keras.Layer) -> int:
    """Return one product for each output position and weight; the kernel accounts for groups."""
    return count_positions(layer.output) * count_values(layer.kernel)


def transposed_macs(layer: keras.Layer) -> int:
    """Return one product for each input position and weight."""
    return count_positions(layer.input) * count_values(layer.kernel)


def separable_macs(layer: keras.Layer) -> int:
    """Return the products of the depthwise and the pointwise kernel at every output position."""
    return count_positions(layer.output) * (
        count_values(layer.depthwise_kernel) + count_values(layer.pointwise_kernel)
    )


def pooling_macs(layer: keras.Layer) -> int:
    """Return the products of two dense matrix products: over the rows, then over the columns."""
    _, height, width, channels = layer.input.shape
    return int(layer.bins * (height + layer.bins) * width * channels)


def attention_macs(layer: keras.Layer) -> int:
    """Return the products of queries with keys, and of the weights with values."""
    queries, keys, _ = layer.input
    return 2 * count_positions(queries) * count_positions(keys) * int(queries.shape[-1])


def count_positions(tensor: keras.KerasTensor) -> int:
    """Return the number of positions of one image's map: H W of (B, H, W, C), 1 of (B, C)."""
    return int(math.prod(tensor.shape[1:-1]))


def count_values(weights: keras.Variable) -> int:
    """Return the number of values of a variable."""
    return int(math.prod(weights.shape))


NORMALISATIONS = (layers.BatchNormalization, layers.LayerNormalization)
MAC_COUNTERS: dict[type, Callable[[keras.Layer], int]] = {
    layers.Conv2D: convolution_macs,
    layers.DepthwiseConv2D: convolution_macs,
    layers.SeparableConv2D: separable_macs,
    layers.Conv2DTranspose: transposed_macs,
    layers.Dense: convolution_macs,
    AdaptiveAveragePooling: pooling_macs,
    MapAttention: attention_macs,
}
