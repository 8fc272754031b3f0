"""The Mix Transformer encoders B0 and B1 (MiT), which return maps at strides 4, 8, 16 and 32.

Each stage embeds overlapping patches and has two blocks: attention, whose keys and values come from
a map that is reduced by 8, 4, 2 and 1 a side, and Mix-FFN, two dense layers with a depthwise
convolution between them, which replaces an encoding of positions.

Source: Xie et al. 2021, section 3.1 and table 6; epsilons are those of Hugging Face's
implementation, from which the weights come. Departure: no stochastic depth (it would add random
generators to the saved state).
"""

import re
from typing import NamedTuple

import keras
from keras import layers

from faceseg.networks.attention import MapAttention
from faceseg.networks.blocks import scaled_filters
from faceseg.networks.conventions import Conventions
from faceseg.networks.encoder import PREFIX, PretrainedEncoder

HEAD_FILTERS = {"mit_b0": 32, "mit_b1": 64}  # channels of one head
BLOCKS = 2  # a stage
EXPANSION = 4  # of Mix-FFN
EPSILON = 1e-5  # of LayerNorm


class Stage(NamedTuple):
    """A stage: its patches, the heads of its attention, and by how much that is reduced a side."""

    kernel: int
    stride: int
    heads: int
    reduction: int


STAGES = (Stage(7, 4, 1, 8), Stage(3, 2, 2, 4), Stage(3, 2, 5, 2), Stage(3, 2, 8, 1))


def encode(
    image: keras.KerasTensor, encoder: str, alpha: float, conventions: Conventions
) -> list[keras.KerasTensor]:
    """Return the maps of the four stages for an image (B, H, W, 3)."""
    width = scaled_filters(HEAD_FILTERS[encoder], alpha)
    outputs, maps = image, []
    for number, stage in enumerate(STAGES, start=1):
        name, filters = f"{PREFIX}{number}", stage.heads * width
        outputs = conventions.convolution(
            outputs, filters, stage.kernel, f"{name}_patch", stride=stage.stride, bias=True
        )
        outputs = norm(outputs, f"{name}_patch_norm")
        for block in range(1, BLOCKS + 1):
            outputs = transformer_block(outputs, stage, f"{name}_{block}", conventions)
        outputs = norm(outputs, f"{name}_norm")
        maps.append(outputs)
    return maps


def transformer_block(
    inputs: keras.KerasTensor, stage: Stage, name: str, conventions: Conventions
) -> keras.KerasTensor:
    """Return a map plus its attention, and that plus its Mix-FFN."""
    filters = inputs.shape[-1]
    queries = norm(inputs, f"{name}_norm_1")
    reduced = queries
    if stage.reduction > 1:
        reduced = layers.Conv2D(
            filters, stage.reduction, strides=stage.reduction, name=f"{name}_reduce"
        )(queries)
        reduced = norm(reduced, f"{name}_reduce_norm")
    outputs = MapAttention(stage.heads, name=f"{name}_attention")(
        dense(queries, filters, f"{name}_query"),
        dense(reduced, filters, f"{name}_key"),
        dense(reduced, filters, f"{name}_value"),
    )
    outputs = dense(outputs, filters, f"{name}_project")
    inputs = layers.Add(name=f"{name}_add_1")([inputs, outputs])
    outputs = norm(inputs, f"{name}_norm_2")
    outputs = dense(outputs, EXPANSION * filters, f"{name}_expand")
    outputs = conventions.depthwise(outputs, 3, f"{name}_depthwise", bias=True)
    outputs = layers.Activation("gelu", name=f"{name}_gelu")(outputs)
    outputs = dense(outputs, filters, f"{name}_shrink")
    return layers.Add(name=f"{name}_add_2")([inputs, outputs])


def dense(inputs: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Return a dense layer of each position, with the initial weights of the paper's code."""
    initial = keras.initializers.TruncatedNormal(stddev=0.02)
    return layers.Dense(filters, kernel_initializer=initial, name=name)(inputs)


def norm(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return LayerNorm over the channels."""
    return layers.LayerNormalization(epsilon=EPSILON, name=name)(inputs)


_PARTS = {
    "norm_1": "layer_norm_1",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "reduce": "attention.self.sr",
    "reduce_norm": "attention.self.layer_norm",
    "project": "attention.output.dense",
    "norm_2": "layer_norm_2",
    "expand": "mlp.dense1",
    "depthwise": "mlp.dwconv.dwconv",
    "shrink": "mlp.dense2",
}


def torch_name(layer: str) -> str:
    """Return the name of a layer in Hugging Face's files of MiT (nvidia/mit-b0)."""
    match = re.fullmatch(rf"{PREFIX}(\d)_(?:(\d)_)?(\w+)", layer)
    if match is None:
        raise ValueError(f"MiT has no layer {layer}")
    stage, block, part = int(match[1]) - 1, match[2], match[3]
    if block is not None:
        return f"encoder.block.{stage}.{int(block) - 1}.{_PARTS[part]}"
    if part == "norm":
        return f"encoder.layer_norm.{stage}"
    return f"encoder.patch_embeddings.{stage}.{'proj' if part == 'patch' else 'layer_norm'}"


MIX_TRANSFORMERS = {
    "mit_b0": PretrainedEncoder(name="MiT-B0", torch_name=torch_name),
    "mit_b1": PretrainedEncoder(name="MiT-B1", torch_name=torch_name),
}
