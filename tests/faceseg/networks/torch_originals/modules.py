"""The networks that have an original in torch, and the names of its modules outside the encoder."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from faceseg.networks import build, is_encoder_variable
from faceseg.networks.encoder import PretrainedEncoder
from faceseg.networks.hrnet import HRNET
from faceseg.networks.mix_transformer import MIX_TRANSFORMERS
from faceseg.networks.mobilenetv2 import MOBILENETV2
from faceseg.networks.mobilenetv3 import MOBILENETV3
from faceseg.networks.resnet import RESNET18
from faceseg.networks.torch_weights import set_torch_weights
from tests.faceseg.networks.torch_originals.tensors import (
    CLASSES,
    SIZE,
    Array,
    write_safetensors,
)

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, kw_only=True)
class Counterpart:
    """A network of faceseg and its original.

    Attributes:
        network: The name in `faceseg.build`.
        encoder: Its encoder.
        prefix: What precedes the encoder's names in the original.
        decoder: (pattern, replacement) of the names of the other layers, the first that matches.
        options: Of `faceseg.build`.
    """

    network: str
    encoder: PretrainedEncoder
    prefix: str
    decoder: tuple[tuple[str, Replacement], ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def torch_name(self, layer: str) -> str:
        """Return the name of the torch module for a layer of any part."""
        if is_encoder_variable(layer):
            return self.prefix + self.encoder.torch_name(layer)
        return self.decoder_name(layer)

    def decoder_name(self, layer: str) -> str:
        """Return the name of the torch module for a layer outside the encoder."""
        for pattern, replacement in self.decoder:
            if re.fullmatch(pattern, layer):
                return re.sub(pattern, replacement, layer)
        raise ValueError(f"{layer} has no name in torch")

    def build(self, folder: Path, tensors: Mapping[str, Array]) -> keras.Model:
        """Build the network with the weights of torch, the encoder's from a file in `folder`."""
        path = write_safetensors(folder / f"{self.network}.safetensors", tensors)
        shape = (SIZE, SIZE, 3)
        model = build(self.network, shape, CLASSES, encoder_weights=path, **self.options)
        others = [each for each in model.layers if not is_encoder_variable(each.name)]
        set_torch_weights(others, self.decoder_name, tensors)
        return model


def unit(
    ours: str, theirs: str, first: str = "0", second: str = "1"
) -> tuple[tuple[str, str], ...]:
    """Return the names of a convolution and its BatchNorm, submodules `first` and `second`."""
    return ((f"{ours}_conv", f"{theirs}.{first}"), (f"{ours}_bn", f"{theirs}.{second}"))


COUNTERPARTS = {
    "deeplabv3plus": Counterpart(
        network="deeplabv3plus",
        encoder=MOBILENETV2,
        prefix="encoder.",
        decoder=(
            *unit("pyramid_point", "decoder.aspp.0.convs.0"),
            (r"pyramid_(\d)_depthwise", r"decoder.aspp.0.convs.\1.0.0"),
            *unit(r"pyramid_(\d)", r"decoder.aspp.0.convs.\1", "0.1"),
            *unit("pyramid_whole", "decoder.aspp.0.convs.4", "1", "2"),
            *unit("pyramid_project", "decoder.aspp.0.project"),
            ("pyramid_last_depthwise", "decoder.aspp.1.0"),
            *unit("pyramid_last", "decoder.aspp", "1.1", "2"),
            *unit("decoder_skip", "decoder.block1"),
            ("decoder_depthwise", "decoder.block2.0.0"),
            *unit("decoder", "decoder.block2", "0.1"),
            ("classes", "segmentation_head.0"),
        ),
    ),
    "lraspp": Counterpart(
        network="lraspp",
        encoder=MOBILENETV3,
        prefix="backbone.",
        decoder=(
            *unit("head", "classifier.cbr"),
            ("gate_conv", "classifier.scale.1"),
            ("classes", "classifier.high_classifier"),
            ("low_classes", "classifier.low_classifier"),
        ),
    ),
    **{
        name: Counterpart(
            network="segformer",
            encoder=MIX_TRANSFORMERS[encoder],
            prefix="segformer.",
            decoder=(
                ("decoder_fuse_conv", "decode_head.linear_fuse"),
                ("decoder_fuse_bn", "decode_head.batch_norm"),
                ("decoder_([1-4])", lambda found: f"decode_head.linear_c.{int(found[1]) - 1}.proj"),
                ("classes", "decode_head.classifier"),
            ),
            options={"encoder": encoder},
        )
        for name, encoder in (("segformer", "mit_b0"), ("segformer-b1", "mit_b1"))
    },
    "bisenet": Counterpart(
        network="bisenet",
        encoder=RESNET18,
        prefix="cp.resnet.",
        decoder=(
            *unit(r"spatial_(\d)", r"sp.conv\1", "conv", "bn"),
            *unit("spatial_out", "sp.conv_out", "conv", "bn"),
            *unit("context_mean", "cp.conv_avg", "conv", "bn"),
            *unit(r"context_(\d+)_refine", r"cp.arm\1.conv", "conv", "bn"),
            (r"context_(\d+)_refine_gate_conv", r"cp.arm\1.conv_atten"),
            (r"context_(\d+)_refine_gate_bn", r"cp.arm\1.bn_atten"),
            *unit("context_16", "cp.conv_head32", "conv", "bn"),
            *unit("context_8", "cp.conv_head16", "conv", "bn"),
            *unit("fusion", "ffm.convblk", "conv", "bn"),
            (r"fusion_gate_(\d)", r"ffm.conv\1"),
            *unit("head", "conv_out.conv", "conv", "bn"),
            ("classes", "conv_out.conv_out"),
        ),
    ),
    "hrnet": Counterpart(
        network="hrnet",
        encoder=HRNET,
        prefix="backbone.",
        decoder=(*unit("head", "last_layer"), ("classes", "last_layer.3")),
    ),
}
