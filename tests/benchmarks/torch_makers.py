"""The originals in torch, as their libraries build them, with what faceseg does otherwise changed.

Every function returns a module that maps normalised RGB (B, 3, H, W) to logits (B, C, H, W).
"""

import re
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import NamedTuple

import segmentation_models_pytorch as smp
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import segmentation
from transformers import SegformerConfig, SegformerForSemanticSegmentation

from tests.benchmarks.torch_bisenet import BiSeNet


def deeplabv3plus(classes: int) -> nn.Module:
    """Return DeepLabV3+ at output stride 16.

    Changed: maps are interpolated between pixel centres, and the block that loses its stride keeps
    its dilation, as in the encoder's own paper.
    """
    model = smp.DeepLabV3Plus(
        "mobilenet_v2", encoder_weights=None, classes=classes, decoder_atrous_rates=(6, 12, 18)
    )
    for each in model.modules():
        if isinstance(each, nn.Upsample | nn.UpsamplingBilinear2d):
            each.align_corners = False
    first = model.encoder.features[14].conv[1][0]
    first.dilation = first.padding = (1, 1)
    return model


class Output(nn.Module):
    """The logits of torchvision's LR-ASPP, its encoder's names those of the classifier."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict({"features": model.backbone})
        self.classifier = model.classifier

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        scores = self.classifier(self.backbone["features"](images))
        return functional.interpolate(scores, size=images.shape[-2:], mode="bilinear")


def lraspp(classes: int) -> nn.Module:
    """Return LR-ASPP, as it is."""
    model = segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=classes
    )
    return Output(model)


class HRNet(nn.Module):
    """timm's network without its classifier, and the head of HRNetV2 for segmentation.

    Changed: timm's classifier repeats pixels where a module enlarges a map; the paper interpolates.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = timm.create_model("hrnet_w18_small_v2", pretrained=False)
        for part in ("incre_modules", "downsamp_modules", "final_layer", "classifier"):
            delattr(self.backbone, part)
        for each in self.backbone.modules():
            if isinstance(each, nn.Upsample):
                each.mode = "bilinear"
        channels = 18 * (1 + 2 + 4 + 8)
        self.last_layer = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, classes, 1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        net = self.backbone
        maps = net.act1(net.bn1(net.conv1(images)))
        branches = net.stages(net.act2(net.bn2(net.conv2(maps))))
        size = branches[0].shape[-2:]
        maps = torch.cat(
            [functional.interpolate(each, size, mode="bilinear") for each in branches], 1
        )
        scores = self.last_layer(maps)
        return functional.interpolate(scores, size=images.shape[-2:], mode="bilinear")


class Enlarged(SegformerForSemanticSegmentation):
    """The network, its logits enlarged to the size of the image as in its own loss."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        scores = super().forward(images).logits
        return functional.interpolate(scores, size=images.shape[-2:], mode="bilinear")


def segformer(channels: int, classes: int) -> nn.Module:
    """Return SegFormer with `channels` a head: 32 for B0, 64 for B1."""
    sizes = [channels * heads for heads in (1, 2, 5, 8)]
    return Enlarged(SegformerConfig(num_labels=classes, hidden_sizes=sizes))


def of_file(name: str) -> str:
    """Return the name in the published files of a tensor of Hugging Face's SegFormer."""
    for pattern, replacement in (
        (r"stages\.(\d)\.patch_embeddings", r"encoder.patch_embeddings.\1"),
        (r"stages\.(\d)\.blocks", r"encoder.block.\1"),
        (r"stages\.(\d)\.layer_norm", r"encoder.layer_norm.\1"),
        (r"attention\.(q|k|v)_proj", lambda found: f"attention.self.{PROJECTIONS[found[1]]}"),
        (r"attention\.o_proj", "attention.output.dense"),
        (r"sequence_reduction\.sequence_reduction", "self.sr"),
        (r"sequence_reduction\.layer_norm", "self.layer_norm"),
        (r"mlp\.fc", "mlp.dense"),
        ("layernorm_before", "layer_norm_1"),
        ("layernorm_after", "layer_norm_2"),
        ("linear_projections", "linear_c"),
    ):
        name = re.sub(pattern, replacement, name)
    return name


def same(name: str) -> str:
    """Return a name as it is."""
    return name


class Maker(NamedTuple):
    """How an original is made: its function, its library, and its tensors' published names."""

    make: Callable[[int], nn.Module]
    source: str
    published: Callable[[str], str] = same


PROJECTIONS = {"q": "query", "k": "key", "v": "value"}
SMP = f"segmentation_models_pytorch {version('segmentation-models-pytorch')}"
TORCHVISION = f"torchvision {version('torchvision')}"
HUGGING_FACE = f"transformers {version('transformers')}"
MAKERS = {
    "deeplabv3plus": Maker(deeplabv3plus, SMP),
    "lraspp": Maker(lraspp, TORCHVISION),
    "bisenet": Maker(BiSeNet, f"written out, on {TORCHVISION}"),
    "hrnet": Maker(HRNet, f"timm {version('timm')}, and the head of HRNetV2"),
    "segformer": Maker(partial(segformer, 32), HUGGING_FACE, of_file),
    "segformer-b1": Maker(partial(segformer, 64), HUGGING_FACE, of_file),
}
