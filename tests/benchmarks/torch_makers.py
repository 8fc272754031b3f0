"""The originals in torch, as their libraries build them, with what faceseg does otherwise changed.

Every function returns a module that maps normalised RGB (B, 3, H, W) to logits (B, C, H, W).
"""

from collections.abc import Callable
from importlib.metadata import version

import segmentation_models_pytorch as smp
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import segmentation

Maker = Callable[[int], nn.Module]


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


SMP = f"segmentation_models_pytorch {version('segmentation-models-pytorch')}"
TORCHVISION = f"torchvision {version('torchvision')}"
MAKERS: dict[str, tuple[Maker, str]] = {
    "deeplabv3plus": (deeplabv3plus, SMP),
    "lraspp": (lraspp, TORCHVISION),
}
