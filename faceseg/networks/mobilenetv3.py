"""The MobileNetV3-Large encoder, without its classifier, at output stride 16.

Layers have the names of `keras.applications.MobileNetV3Large` after "encoder_", so its weights can
be copied by name. The last stride is replaced by dilation, as in the paper's section 6.4; as in
torchvision's segmentation networks, the block that loses it is dilated too.

Source: Howard et al. 2019, table 1.
"""

import re
from dataclasses import replace
from typing import NamedTuple

import keras
from keras import layers

from faceseg.networks.blocks import scaled_filters
from faceseg.networks.conventions import Conventions
from faceseg.networks.encoder import PREFIX, PretrainedEncoder


class Block(NamedTuple):
    """A row of the paper's table: kernel, expansion, filters, squeeze, activation, stride."""

    kernel: int
    expansion: float
    filters: int
    squeezes: bool
    activation: str
    stride: int
    dilation: int = 1


BLOCKS = (
    Block(3, 1, 16, False, "relu", 1),
    Block(3, 4, 24, False, "relu", 2),
    Block(3, 3, 24, False, "relu", 1),
    Block(5, 3, 40, True, "relu", 2),
    Block(5, 3, 40, True, "relu", 1),
    Block(5, 3, 40, True, "relu", 1),
    Block(3, 6, 80, False, "hard_swish", 2),
    Block(3, 2.5, 80, False, "hard_swish", 1),
    Block(3, 2.3, 80, False, "hard_swish", 1),
    Block(3, 2.3, 80, False, "hard_swish", 1),
    Block(3, 6, 112, True, "hard_swish", 1),
    Block(3, 6, 112, True, "hard_swish", 1),
    Block(5, 6, 160, True, "hard_swish", 1, 2),  # of stride 2 in the classifier
    Block(5, 6, 160, True, "hard_swish", 1, 2),
    Block(5, 6, 160, True, "hard_swish", 1, 2),
)
LOSES_STRIDE = 12  # the block whose stride is replaced; it does not add its input
LOW = 3  # the block whose output LR-ASPP reads at stride 8
EPSILON = 1e-3  # in Keras and in torchvision


class Features(NamedTuple):
    """The tensors that decoders read: at stride 8 (40 channels) and 16 (960 channels)."""

    low: keras.KerasTensor
    high: keras.KerasTensor


def encode(image: keras.KerasTensor, alpha: float, conventions: Conventions) -> Features:
    """Return the encoder's two tensors for an image (B, H, W, 3), scaled by the conventions."""
    rules = replace(conventions, epsilon=EPSILON)
    outputs = rules.convolution(image, 16, 3, f"{PREFIX}conv", stride=2)
    outputs = rules.norm(outputs, f"{PREFIX}conv_bn")
    outputs = layers.Activation("hard_swish", name=f"{PREFIX}conv_hard_swish")(outputs)
    low = outputs
    for number, block in enumerate(BLOCKS):
        outputs = inverted_residual(outputs, number, block, alpha, rules)
        if number == LOW:
            low = outputs
    filters = scaled_filters(6 * outputs.shape[-1], 1)
    outputs = rules.convolution(outputs, filters, 1, f"{PREFIX}conv_1")
    outputs = rules.norm(outputs, f"{PREFIX}conv_1_bn")
    high = layers.Activation("hard_swish", name=f"{PREFIX}conv_1_hard_swish")(outputs)
    return Features(low, high)


def inverted_residual(
    inputs: keras.KerasTensor, number: int, block: Block, alpha: float, rules: Conventions
) -> keras.KerasTensor:
    """Return a block's output: expand, filter each channel, squeeze and excite, project, add."""
    name = f"{PREFIX}expanded_conv_{number}" if number else f"{PREFIX}expanded_conv"
    channels = inputs.shape[-1]
    wide = scaled_filters(channels * block.expansion, 1)
    outputs = inputs
    if number:
        outputs = rules.convolution(outputs, wide, 1, f"{name}_expand")
        outputs = rules.norm(outputs, f"{name}_expand_bn")
        outputs = layers.Activation(block.activation, name=f"{name}_expand_act")(outputs)
    outputs = rules.depthwise(
        outputs,
        block.kernel,
        f"{name}_depthwise",
        stride=block.stride,
        dilation=block.dilation,
    )
    outputs = rules.norm(outputs, f"{name}_depthwise_bn")
    outputs = layers.Activation(block.activation, name=f"{name}_depthwise_act")(outputs)
    if block.squeezes:
        outputs = squeeze_excite(outputs, f"{name}_squeeze_excite")
    filters = scaled_filters(block.filters, alpha)
    outputs = rules.convolution(outputs, filters, 1, f"{name}_project")
    outputs = rules.norm(outputs, f"{name}_project_bn")
    if block.stride == 1 and channels == filters and number != LOSES_STRIDE:
        outputs = layers.Add(name=f"{name}_add")([inputs, outputs])
    return outputs


def squeeze_excite(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return each channel times a gate that is computed from the means of all channels."""
    channels = inputs.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(inputs)
    gate = layers.Conv2D(
        scaled_filters(channels, 1 / 4), 1, activation="relu", name=f"{name}_conv"
    )(gate)
    gate = layers.Conv2D(channels, 1, activation="hard_sigmoid", name=f"{name}_conv_1")(gate)
    return layers.Multiply(name=f"{name}_mul")([inputs, gate])


def torch_name(layer: str) -> str:
    """Return the name of a layer in torchvision's MobileNetV3-Large."""
    name = layer.removeprefix(PREFIX)
    if name in ("conv", "conv_bn", "conv_1", "conv_1_bn"):
        stage = 16 if "_1" in name else 0
        return f"features.{stage}.{int(name.endswith('bn'))}"
    match = re.fullmatch(
        r"expanded_conv(?:_(\d+))?_(expand|depthwise|squeeze_excite|project)(?:_(conv|conv_1|bn))?",
        name,
    )
    if match is None:
        raise ValueError(f"MobileNetV3-Large has no layer {layer}")
    number, part, last = int(match[1] or 0), match[2], match[3]
    parts = ["expand"] * (number > 0) + ["depthwise"]
    parts += ["squeeze_excite"] * BLOCKS[number].squeezes + ["project"]
    module = f"features.{number + 1}.block.{parts.index(part)}"
    if part == "squeeze_excite":
        return f"{module}.fc{2 if last == 'conv_1' else 1}"
    return f"{module}.{int(last == 'bn')}"


MOBILENETV3 = PretrainedEncoder(
    name="MobileNetV3-Large",
    torch_name=torch_name,
    keras_name="MobileNetV3Large",
    alphas=(0.75, 1.0),
)
