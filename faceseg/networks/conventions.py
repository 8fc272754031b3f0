"""What depends on where an encoder's weights come from, and layers that follow it.

Weights are correct only in a network that pads, normalises and scales pixels as the one in which
they were trained. Keras's networks pad strided convolutions below and to the right, and expect RGB
in [-1, 1]. Those of torch (torchvision, timm, Hugging Face) pad on all sides, have another epsilon
in BatchNorm, and expect the mean and deviation of ImageNet.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from keras import layers

from faceseg.networks.layers import BatchNorm
from faceseg.networks.options import NetworkOptions


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How a network pads, normalises and scales pixels.

    Attributes:
        pixels: A key of `faceseg.networks.blocks.PIXEL_SCALES`.
        epsilon: Of BatchNorm.
        symmetric_padding: Whether strided convolutions pad all sides alike, by half a kernel.
            Otherwise they pad below and to the right first. Maps have even sizes here.
        momentum: Of the moving averages of BatchNorm.
    """

    pixels: str
    epsilon: float
    symmetric_padding: bool
    momentum: float = 0.99

    def convolution(
        self,
        inputs: keras.KerasTensor,
        filters: int,
        kernel: int,
        name: str,
        *,
        stride: int = 1,
        bias: bool = False,
        initial: str = "he_normal",
    ) -> keras.KerasTensor:
        """Return a convolution whose output is 1/`stride` the size of its input."""
        inputs, padding = self._padded(inputs, kernel, stride, name)
        return layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding=padding,
            use_bias=bias,
            kernel_initializer=initial,
            name=name,
        )(inputs)

    def depthwise(
        self,
        inputs: keras.KerasTensor,
        kernel: int,
        name: str,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> keras.KerasTensor:
        """Return a convolution of each channel by itself."""
        inputs, padding = self._padded(inputs, kernel, stride, name)
        return layers.DepthwiseConv2D(
            kernel,
            strides=stride,
            padding=padding,
            dilation_rate=dilation,
            use_bias=bias,
            name=name,
        )(inputs)

    def norm(self, inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Return BatchNorm."""
        return BatchNorm(epsilon=self.epsilon, momentum=self.momentum, name=name)(inputs)

    def block(
        self,
        inputs: keras.KerasTensor,
        filters: int,
        kernel: int,
        name: str,
        *,
        stride: int = 1,
        activation: str | None = "relu",
    ) -> keras.KerasTensor:
        """Return activation(BatchNorm(convolution)); layers `name`_conv, _bn and _`activation`."""
        outputs = self.convolution(inputs, filters, kernel, f"{name}_conv", stride=stride)
        outputs = self.norm(outputs, f"{name}_bn")
        if activation is None:
            return outputs
        return layers.Activation(activation, name=f"{name}_{activation}")(outputs)

    def _padded(
        self, inputs: keras.KerasTensor, kernel: int, stride: int, name: str
    ) -> tuple[keras.KerasTensor, str]:
        """Return the input of a convolution, padded where Keras's "same" would differ."""
        if stride == 1 or kernel == 1 or not self.symmetric_padding:
            return inputs, "same"
        return layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(inputs), "valid"


KERAS = Conventions(pixels="signed_rgb", epsilon=1e-3, symmetric_padding=False)
TORCH = Conventions(pixels="imagenet_rgb", epsilon=1e-5, symmetric_padding=True)


def is_torch_file(weights: Any) -> bool:
    """Return whether `weights` is the path of weights of torch, by its ending."""
    return isinstance(weights, str | Path) and str(weights).endswith(".safetensors")


def conventions_of(settings: NetworkOptions, default: Conventions) -> Conventions:
    """Return the conventions of a network.

    They are torch's if its encoder's weights are, otherwise `default`, which fits the weights that
    "imagenet" loads; `pixels` and `batch_norm_momentum` are those of the options.
    """
    base = TORCH if is_torch_file(settings.encoder_weights) else default
    return replace(
        base,
        pixels=settings.pixels or base.pixels,
        momentum=settings.batch_norm_momentum,
    )
