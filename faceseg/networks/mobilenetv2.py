"""The MobileNetV2 encoder, without its classifier, at output stride 8, 16 or 32.

Layers have the names of `keras.applications.MobileNetV2`, so its weights can be copied by name, and
at stride 32 the features are the same. Keras's own lacks a configurable BatchNorm momentum and
dilation in place of the last strides.

Source: Sandler et al. 2018; dilation after Chen et al. 2017: a block that loses its stride keeps
its dilation, and the blocks after it double theirs. Every value of the strided network then
reappears in the dilated one, at every second position.
"""

from dataclasses import dataclass
from typing import NamedTuple

import keras
from keras import layers

from faceseg.errors import UserError
from faceseg.networks.blocks import scaled_filters
from faceseg.networks.layers import BatchNorm

# (filters, stride) of the 17 blocks; the first does not expand, the others by six.
BLOCKS = (
    *((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1)),
    *((64, 2), (64, 1), (64, 1), (64, 1), (96, 1), (96, 1), (96, 1)),
    *((160, 2), (160, 1), (160, 1), (320, 1)),
)
EXPANSION = 6
OUTPUT_STRIDES = (8, 16, 32)
# The last tensors at strides 2, 4, 8, 16 and 32 of the undilated network.
LEVELS = (
    "block_1_expand_relu",
    "block_3_expand_relu",
    "block_6_expand_relu",
    "block_13_expand_relu",
    "block_16_project",
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """The configuration of one inverted residual block.

    Attributes:
        name: The prefix of its layers' names.
        filters: The number of output channels.
        expansion: The factor by which the input channels are expanded.
        stride: The stride of the depthwise convolution.
        dilation: The dilation of the depthwise convolution.
        adds: Whether the input is added to the output if both have the same channels.
    """

    name: str
    filters: int
    expansion: int
    stride: int
    dilation: int
    adds: bool


class BlockTensors(NamedTuple):
    """The tensors of one block: after the expansion, after the projection, and its output."""

    expanded: keras.KerasTensor
    projected: keras.KerasTensor
    outputs: keras.KerasTensor


def plan_blocks(alpha: float, output_stride: int) -> list[Block]:
    """Return the 17 blocks; strides past `output_stride` are replaced by dilation."""
    if output_stride not in OUTPUT_STRIDES:
        raise UserError(
            f"output_stride is {output_stride}; expected one of 8, 16 and 32. "
            "Use 8 for the finest map, 32 for the fastest."
        )
    blocks = []
    reached, dilation = 2, 1  # the first convolution halves already
    for number, (filters, stride) in enumerate(BLOCKS):
        keeps = reached * stride <= output_stride
        blocks.append(
            Block(
                name=f"block_{number}" if number else "expanded_conv",
                filters=scaled_filters(int(filters * alpha), 1),
                expansion=EXPANSION if number else 1,
                stride=stride if keeps else 1,
                dilation=dilation,
                adds=stride == 1,
            )
        )
        reached *= stride if keeps else 1
        dilation *= 1 if keeps else stride
    return blocks


def encode(
    image: keras.KerasTensor, *, alpha: float, momentum: float, output_stride: int = 32
) -> dict[str, keras.KerasTensor]:
    """Return the encoder's tensors named in `LEVELS` for an image.

    Args:
        image: RGB in [-1, 1], (B, H, W, 3).
        alpha: Factor on all filter counts.
        momentum: Momentum of the moving averages of BatchNorm.
        output_stride: 8, 16 or 32. At 8 the last three tensors have the size of the third.

    Raises:
        UserError: The output stride is another number.
    """
    outputs = layers.Conv2D(
        scaled_filters(32, alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1"
    )(image)
    outputs = batch_norm(outputs, "bn_Conv1", momentum)
    outputs = layers.ReLU(6.0, name="Conv1_relu")(outputs)
    tensors: dict[str, keras.KerasTensor] = {}
    for block in plan_blocks(alpha, output_stride):
        expanded, projected, outputs = inverted_residual(outputs, block, momentum)
        tensors[f"{block.name}_expand_relu"] = expanded
        tensors[f"{block.name}_project"] = projected
    return {name: tensors[name] for name in LEVELS}


def inverted_residual(inputs: keras.KerasTensor, block: Block, momentum: float) -> BlockTensors:
    """Return one block's tensors: expand, filter each channel separately, project, add the input.

    The first block does not expand.
    """
    name = block.name
    expanded = inputs
    if block.expansion > 1:
        expanded = pointwise_convolution(
            inputs, block.expansion * inputs.shape[-1], f"{name}_expand"
        )
        expanded = batch_norm(expanded, f"{name}_expand_BN", momentum)
        expanded = layers.ReLU(6.0, name=f"{name}_expand_relu")(expanded)
    filtered = layers.DepthwiseConv2D(
        3,
        strides=block.stride,
        padding="same",
        dilation_rate=block.dilation,
        use_bias=False,
        name=f"{name}_depthwise",
    )(expanded)
    filtered = batch_norm(filtered, f"{name}_depthwise_BN", momentum)
    filtered = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(filtered)
    projected = pointwise_convolution(filtered, block.filters, f"{name}_project")
    outputs = batch_norm(projected, f"{name}_project_BN", momentum)
    if block.adds and inputs.shape[-1] == block.filters:
        outputs = layers.Add(name=f"{name}_add")([inputs, outputs])
    return BlockTensors(expanded, projected, outputs)


def pointwise_convolution(inputs: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Return a 1x1 convolution without bias."""
    return layers.Conv2D(filters, 1, use_bias=False, name=name)(inputs)


def batch_norm(inputs: keras.KerasTensor, name: str, momentum: float) -> keras.KerasTensor:
    """Return BatchNorm with MobileNetV2's epsilon, 0.001."""
    return BatchNorm(epsilon=1e-3, momentum=momentum, name=name)(inputs)
