"""Layers that Keras lacks, or has slower.

They use `keras.ops` and the operations of `faceseg.backends.device`, so TensorFlow, JAX and torch
give the same results. Each is registered under "faceseg", so a saved model loads with
`safe_mode=True` once this module is imported. All work on channels-last tensors of static height
and width.

Shapes: B images, H rows, W columns, C channels.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from faceseg.backends.device import fused_batch_norm

Dimensions = Sequence[int | None]


@keras.saving.register_keras_serializable(package="faceseg")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras's BatchNormalization, computed by the backend's single operation if it has one.

    The weights have the same names, and the results are the same but for the order of sums. It
    normalises the last axis of (B, H, W, C); Keras's own code handles masks and renormalisation.

    Source: Ioffe and Szegedy 2015.
    """

    def call(
        self, inputs: keras.KerasTensor, training: bool | None = None, mask: Any = None
    ) -> keras.KerasTensor:
        """Return the normalised maps; in training their own mean and variance are used."""
        normalise = fused_batch_norm()
        plain = self.axis in (-1, 3) and len(inputs.shape) == 4 and self.scale and self.center
        if normalise is None or mask is not None or self.renorm or not plain:
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            moving = (self.moving_mean, self.moving_variance)
            return normalise(inputs, self.gamma, self.beta, moving, self.epsilon)[0]
        outputs, mean, variance = normalise(inputs, self.gamma, self.beta, None, self.epsilon)
        for average, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + new * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable(package="faceseg")
class MaxPoolWithIndices(keras.layers.Layer):
    """2x2 max-pooling that also returns the position of each maximum in its window.

    (B, H, W, C) -> values (B, H/2, W/2, C), indices of the same shape. An index is 0, 1, 2 or 3 for
    top left, top right, bottom left, bottom right; of equal values the first in that order wins, as
    in torch. Indices have the type of the values, since every float type represents 0 to 3 exactly
    (measured: a sixth faster than uint8). No gradient flows through them.

    Source: Badrinarayanan et al. 2017, section 3 (2 bits a window). The corners of all windows are
    read by a reshape, which costs half as much as strided slices.
    """

    def call(self, inputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Return (values, indices)."""
        _, _, width, channels = inputs.shape
        values = ops.max_pool(inputs, 2, strides=2, padding="valid", data_format="channels_last")
        largest = ops.stop_gradient(ops.reshape(values, (-1, width // 2, channels)))
        rows = ops.stop_gradient(ops.reshape(inputs, (-1, 2, width // 2, 2 * channels)))
        corners = (rows[:, 0, :, :channels], rows[:, 0, :, channels:], rows[:, 1, :, :channels])
        indices = ops.full_like(largest, 3)
        for number in (2, 1, 0):  # the first corner is set last, so it overwrites the others
            indices = ops.where(ops.equal(corners[number], largest), number, indices)
        return values, ops.reshape(indices, (-1, *values.shape[1:]))

    def compute_output_shape(self, input_shape: Dimensions) -> tuple[Dimensions, Dimensions]:
        """Return the shapes of the values and of the indices: both halved."""
        height, width = static_size(self.name, input_shape)
        if height % 2 or width % 2:
            raise ValueError(f"{self.name} halves a map, so it cannot take {height}x{width}")
        halved = (input_shape[0], height // 2, width // 2, input_shape[3])
        return halved, halved


@keras.saving.register_keras_serializable(package="faceseg")
class MaxUnpool(keras.layers.Layer):
    """Put each value at the position of its maximum; the other three of a window are 0.

    (values, indices), both (B, H, W, C) -> (B, 2H, 2W, C). No scatter is used: each of the four
    corners is a selection, and the corners are interleaved, which XLA and exporters support.
    Source: Badrinarayanan et al. 2017, figure 3.
    """

    def call(self, values: keras.KerasTensor, indices: keras.KerasTensor) -> keras.KerasTensor:
        """Return the sparse map of twice the height and width."""
        _, height, width, channels = values.shape
        flat = ops.reshape(values, (-1, width, channels))
        positions = ops.reshape(indices, (-1, width, channels))
        zeros = ops.zeros_like(flat)
        corners = [ops.where(ops.equal(positions, number), flat, zeros) for number in range(4)]
        top, bottom = (ops.concatenate(pair, axis=-1) for pair in (corners[:2], corners[2:]))
        return ops.reshape(ops.stack([top, bottom], axis=1), (-1, 2 * height, 2 * width, channels))

    def compute_output_shape(
        self, values_shape: Dimensions, indices_shape: Dimensions
    ) -> Dimensions:
        """Return the shape of the sparse map."""
        height, width = static_size(self.name, values_shape)
        return values_shape[0], 2 * height, 2 * width, values_shape[3]


@keras.saving.register_keras_serializable(package="faceseg")
class AdaptiveAveragePooling(keras.layers.Layer):
    """Average a map of any size over exactly `bins` x `bins` windows.

    (B, H, W, C) -> (B, bins, bins, C), with the windows of torch's AdaptiveAvgPool2d (see
    `pooling_matrix`). It is two small matrix products: Keras 3.15 has such a layer, but on
    TensorFlow it fails at 1 bin.
    """

    def __init__(self, bins: int, **settings: Any) -> None:
        """Set the number of windows a side; `settings` are those of every layer."""
        super().__init__(**settings)
        self.bins = bins

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the window averages."""
        height, width = static_size(self.name, inputs.shape)
        rows, columns = pooling_matrix(height, self.bins), pooling_matrix(width, self.bins)
        return combine_rows_and_columns(inputs, rows, columns)

    def compute_output_shape(self, input_shape: Dimensions) -> Dimensions:
        """Return (B, bins, bins, C)."""
        return input_shape[0], self.bins, self.bins, input_shape[3]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments with which a saved model builds this layer."""
        return {**super().get_config(), "bins": self.bins}


@keras.saving.register_keras_serializable(package="faceseg")
class BilinearResize(keras.layers.Layer):
    """Resize maps to `height` x `width` by bilinear interpolation between pixel centres.

    (B, H, W, C) -> (B, height, width, C). Half-pixel convention, no antialiasing: equal to
    `keras.ops.image.resize` and to torch's interpolate(align_corners=False). As two matrix
    products it is as fast on a CPU and 5 times as fast under XLA.
    """

    def __init__(self, height: int, width: int, **settings: Any) -> None:
        """Set the size of the result in pixels; `settings` are those of every layer."""
        super().__init__(**settings)
        self.height = height
        self.width = width

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the resized maps."""
        height, width = static_size(self.name, inputs.shape)
        rows, columns = bilinear_matrix(height, self.height), bilinear_matrix(width, self.width)
        return combine_rows_and_columns(inputs, rows, columns)

    def compute_output_shape(self, input_shape: Dimensions) -> Dimensions:
        """Return (B, height, width, C)."""
        return input_shape[0], self.height, self.width, input_shape[3]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments with which a saved model builds this layer."""
        return {**super().get_config(), "height": self.height, "width": self.width}


@keras.saving.register_keras_serializable(package="faceseg")
class ReversedChannels(keras.layers.Layer):
    """Reverse the order of the channels, RGB to BGR: (B, H, W, C) -> (B, H, W, C)."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the channels in reverse order."""
        return ops.flip(inputs, axis=-1)

    def compute_output_shape(self, input_shape: Dimensions) -> Dimensions:
        """Return the shape unchanged."""
        return input_shape


def static_size(name: str, shape: Dimensions) -> tuple[int, int]:
    """Return (H, W) of a (B, H, W, C) shape; raise ValueError if either is unknown."""
    _, height, width, _ = shape
    if height is None or width is None:
        raise ValueError(f"{name} needs maps of a known height and width, got {tuple(shape)}")
    return height, width


def combine_rows_and_columns(
    maps: keras.KerasTensor, rows: NDArray[np.float32], columns: NDArray[np.float32]
) -> keras.KerasTensor:
    """Return rows @ map @ columns.T for each image and channel.

    maps (B, H, W, C), rows (h, H), columns (w, W) -> (B, h, w, C).
    """
    _, height, width, channels = maps.shape
    flat = ops.reshape(maps, (-1, height, width * channels))
    tall = ops.matmul(ops.cast(rows, maps.dtype), flat)
    tall = ops.reshape(tall, (-1, len(rows), width, channels))
    return ops.matmul(ops.cast(columns, maps.dtype), tall)


def pooling_matrix(size: int, bins: int) -> NDArray[np.float32]:
    """Return the averages of adaptive pooling as a matrix, shape (bins, size).

    Bin i covers the positions floor(i size / bins) up to ceil((i + 1) size / bins): windows overlap
    if `bins` does not divide `size`, and repeat if it exceeds it.
    """
    matrix = np.zeros((bins, size), np.float32)
    for number in range(bins):
        start, stop = number * size // bins, -(-(number + 1) * size // bins)
        matrix[number, start:stop] = 1 / (stop - start)
    return matrix


def bilinear_matrix(size: int, target: int) -> NDArray[np.float32]:
    """Return linear interpolation from `size` to `target` positions as a matrix (target, size)."""
    centres = (np.arange(target) + 0.5) * size / target - 0.5
    centres = np.clip(centres, 0, size - 1)
    distances = np.abs(centres[:, np.newaxis] - np.arange(size))
    matrix: NDArray[np.float32] = np.maximum(0, 1 - distances).astype(np.float32)
    return matrix
