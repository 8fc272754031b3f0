"""What a network costs, counted from its layers: parameters and multiply-accumulates.

One multiply-accumulate (MAC) is one multiplication and one addition, about two
floating-point operations. Counted are the sums of products, for one image: convolutions,
dense layers, and the matrix products of adaptive pooling. Not counted, as is the custom:
biases, normalisation (it folds into the convolutions), activations, max-pooling,
interpolation.
"""

import math
from collections.abc import Callable

import keras
from keras import layers

from faceseg.networks.layers import AdaptiveAveragePooling


def count_parameters(model: keras.Model) -> int:
    """Return the number of parameters, the moving statistics of BatchNorm included.

    The state of random generators is none. This is what `keras.Model.count_params` says.
    """
    return int(model.count_params())


def count_macs(model: keras.Model) -> int:
    """Return the multiply-accumulates of one image through the model.

    Raises TypeError for a layer that holds weights and is not in the table.
    """
    return sum(count_layer_macs(layer) for layer in model.layers)


def count_layer_macs(layer: keras.Layer) -> int:
    """Return the multiply-accumulates of one layer for one image."""
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    count = MAC_COUNTERS.get(type(layer))
    if count is not None:
        return count(layer)
    if layer.weights and not isinstance(layer, layers.BatchNormalization):
        raise TypeError(f"layer {layer.name} ({type(layer).__name__}) has no MAC count")
    return 0


def convolution_macs(layer: keras.Layer) -> int:
    """Every output place takes one product with each weight; groups are in the kernel."""
    return count_positions(layer.output) * count_values(layer.kernel)


def transposed_macs(layer: keras.Layer) -> int:
    """Every input place gives one product with each weight."""
    return count_positions(layer.input) * count_values(layer.kernel)


def separable_macs(layer: keras.Layer) -> int:
    """The depthwise and the pointwise kernel, both at every output place."""
    return count_positions(layer.output) * (
        count_values(layer.depthwise_kernel) + count_values(layer.pointwise_kernel)
    )


def pooling_macs(layer: keras.Layer) -> int:
    """Two matrix products, dense as they are run: over the rows, then over the columns."""
    _, height, width, channels = layer.input.shape
    return int(layer.bins * (height + layer.bins) * width * channels)


def count_positions(tensor: keras.KerasTensor) -> int:
    """Return the number of places of one image's map: H W of (B, H, W, C), 1 of (B, C)."""
    return int(math.prod(tensor.shape[1:-1]))


def count_values(weights: keras.Variable) -> int:
    """Return how many numbers a variable holds."""
    return int(math.prod(weights.shape))


MAC_COUNTERS: dict[type, Callable[[keras.Layer], int]] = {
    layers.Conv2D: convolution_macs,
    layers.DepthwiseConv2D: convolution_macs,
    layers.SeparableConv2D: separable_macs,
    layers.Conv2DTranspose: transposed_macs,
    layers.Dense: convolution_macs,
    AdaptiveAveragePooling: pooling_macs,
}
