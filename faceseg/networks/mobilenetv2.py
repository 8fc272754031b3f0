"""The MobileNetV2 encoder, without its classifier, at output stride 8, 16 or 32.

Layers have the names of `keras.applications.MobileNetV2`, so its weights can be copied by name, and
at stride 32 the features are the same. Keras's own lacks a configurable BatchNorm momentum and
dilation in place of the last strides.

Source: Sandler et al. 2018; dilation after Chen et al. 2017: a block that loses its stride keeps
its dilation, and the blocks after it double theirs. Every value of the strided network then
reappears in the dilated one, at every second position. Weights of torchvision's MobileNetV2 fit
too, with its padding, epsilon and pixels.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
from keras import layers

from faceseg.errors import UserError
from faceseg.networks.blocks import scaled_filters
from faceseg.networks.conventions import KERAS, Conventions
from faceseg.networks.encoder import PretrainedEncoder

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

LAST = "out_relu"  # after a convolution to 1280 channels


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
    image: keras.KerasTensor,
    *,
    alpha: float,
    conventions: Conventions = KERAS,
    output_stride: int = 32,
    levels: Sequence[str] = LEVELS,
) -> dict[str, keras.KerasTensor]:
    """Return some of the encoder's tensors for an image.

    Args:
        image: RGB, scaled by the conventions, (B, H, W, 3).
        alpha: Factor on all filter counts.
        conventions: Those of the network whose weights will be loaded.
        output_stride: 8, 16 or 32. At 8 the last three levels have the size of the third.
        levels: The layers whose tensors are returned; `LAST` adds the last convolution, which
            decoders usually leave out.

    Raises:
        UserError: The output stride is another number.
    """
    outputs = conventions.convolution(
        image, scaled_filters(32, alpha), 3, "Conv1", stride=2, initial="glorot_uniform"
    )
    outputs = conventions.norm(outputs, "bn_Conv1")
    outputs = layers.ReLU(6.0, name="Conv1_relu")(outputs)
    tensors: dict[str, keras.KerasTensor] = {}
    for block in plan_blocks(alpha, output_stride):
        expanded, projected, outputs = inverted_residual(outputs, block, conventions)
        tensors[f"{block.name}_expand_relu"] = expanded
        tensors[f"{block.name}_project"] = projected
        tensors[f"{block.name}_output"] = outputs
    if LAST in levels:
        outputs = pointwise_convolution(outputs, scaled_filters(1280, max(alpha, 1.0)), "Conv_1")
        outputs = conventions.norm(outputs, "Conv_1_bn")
        tensors[LAST] = layers.ReLU(6.0, name=LAST)(outputs)
    return {name: tensors[name] for name in levels}


def inverted_residual(
    inputs: keras.KerasTensor, block: Block, conventions: Conventions
) -> BlockTensors:
    """Return one block's tensors: expand, filter each channel separately, project, add the input.

    The first block does not expand.
    """
    name = block.name
    expanded = inputs
    if block.expansion > 1:
        expanded = pointwise_convolution(
            inputs, block.expansion * inputs.shape[-1], f"{name}_expand"
        )
        expanded = conventions.norm(expanded, f"{name}_expand_BN")
        expanded = layers.ReLU(6.0, name=f"{name}_expand_relu")(expanded)
    filtered = conventions.depthwise(
        expanded, 3, f"{name}_depthwise", stride=block.stride, dilation=block.dilation
    )
    filtered = conventions.norm(filtered, f"{name}_depthwise_BN")
    filtered = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(filtered)
    projected = pointwise_convolution(filtered, block.filters, f"{name}_project")
    outputs = conventions.norm(projected, f"{name}_project_BN")
    if block.adds and inputs.shape[-1] == block.filters:
        outputs = layers.Add(name=f"{name}_add")([inputs, outputs])
    return BlockTensors(expanded, projected, outputs)


def pointwise_convolution(inputs: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Return a 1x1 convolution without bias."""
    return layers.Conv2D(filters, 1, use_bias=False, name=name)(inputs)


def torch_name(layer: str) -> str:
    """Return the name of a layer in torchvision's MobileNetV2."""
    if not layer.startswith(("block_", "expanded_conv")):
        stage, norm = (0 if "Conv1" in layer else 18), "bn" in layer
        return f"features.{stage}.{int(norm)}"
    match = re.fullmatch(r"(?:block_(\d+)|expanded_conv)_(expand|depthwise|project)(_BN)?", layer)
    if match is None:
        raise ValueError(f"MobileNetV2 has no layer {layer}")
    number, part, norm = int(match[1] or 0), match[2], match[3] is not None
    step = ("expand", "depthwise", "project").index(part) - (number == 0)
    if part == "project":
        return f"features.{number + 1}.conv.{step + int(norm)}"
    return f"features.{number + 1}.conv.{step}.{int(norm)}"


MOBILENETV2 = PretrainedEncoder(
    name="MobileNetV2",
    torch_name=torch_name,
    keras_name="MobileNetV2",
    alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
)
