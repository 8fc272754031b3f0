"""The U-Net, PSPNet and SegNet of faceseg in plain torch: peers with an equal network.

Every layer has the name of its Keras counterpart, so weights are copied by name;
`tests.benchmarks.torch_equality` verifies that the functions are equal. Neither TensorFlow nor
Keras is needed here.

Keras pads a strided 3x3 convolution below and to the right only, which torch's convolution does not
support. With `own_padding` the network pads on all sides as usual in torch. This is another
function of equal cost, and it is faster because it saves a copy: it is the form that is timed.

Shapes: B images, H rows, W columns, C classes.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.benchmarks.torch_encoder import Encoder, Net, scaled

NAMES = ("unet", "pspnet", "segnet")
SKIPS = ("block_1", "block_3", "block_6", "block_13")
DECODER_FILTERS = (256, 128, 64, 32)
VGG_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
BINS = (1, 2, 3, 6)


class Decoded(Net):
    """A network whose last step goes from half to full resolution, as in the U-Net."""

    def full_resolution(self, inputs: int, width: float, classes: int) -> None:
        """Add that step."""
        filters = self.doubled("full", inputs, scaled(16, width))
        self.conv("full_depthwise", filters, filters, groups=filters)
        self.rectified("full", filters, filters, 1)
        self.conv("classes", filters, classes, 1, bias=True)

    def at_full_resolution(self, maps: Tensor) -> Tensor:
        """Return float32 logits (B, C, H, W) of maps of half the size."""
        maps = self.layer["full_depthwise"](self.up("full", maps))
        return self.layer["classes"](self.through("full", maps)).float()


class UNet(Decoded):
    """`faceseg.networks.unet`."""

    def __init__(
        self, classes: int, alpha: float, width: float, momentum: float, own_padding: bool
    ) -> None:
        super().__init__(momentum, own_padding)
        self.encoder = Encoder(alpha, momentum, own_padding)
        channels = self.encoder.channels["block_16_project"]
        for filters, skip, stride in zip(DECODER_FILTERS, SKIPS[::-1], (16, 8, 4, 2), strict=True):
            name, count = f"decoder_{stride}", scaled(filters, width)
            joined = self.doubled(name, channels, count) + self.encoder.channels[f"{skip}_expand"]
            channels = self.rectified(f"{name}_1", joined, count)
            channels = self.rectified(f"{name}_2", channels, count)
        self.full_resolution(channels, width, classes)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return [logits (B, C, H, W)] of images (B, H, W, 3)."""
        found = self.encoder(self.seen(images))
        maps = found["block_16_project"]
        for skip, stride in zip(SKIPS[::-1], (16, 8, 4, 2), strict=True):
            name = f"decoder_{stride}"
            maps = torch.cat([self.up(name, maps), found[f"{skip}_expand"]], dim=1)
            maps = self.through(f"{name}_2", self.through(f"{name}_1", maps))
        return [self.at_full_resolution(maps)]


class PSPNet(Net):
    """`faceseg.networks.pspnet`, with its auxiliary head during training."""

    def __init__(
        self,
        classes: int,
        *,
        alpha: float,
        width: float,
        momentum: float,
        own_padding: bool,
        output_stride: int,
    ) -> None:
        super().__init__(momentum, own_padding)
        self.encoder = Encoder(alpha, momentum, own_padding, output_stride)
        channels = self.encoder.channels["block_16_project"]
        filters = scaled(channels // len(BINS), width)
        for bins in BINS:
            self.rectified(f"pyramid_{bins}", channels, filters, 1)
        head = scaled(256, width)
        self.rectified("head", channels + len(BINS) * filters, head)
        self.conv("classes", head, classes, 1, bias=True)
        early = self.rectified("auxiliary", self.encoder.channels["block_12"], scaled(head, 1 / 4))
        self.conv("auxiliary_classes", early, classes, 1, bias=True)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return [logits], in training [logits, auxiliary logits], each (B, C, H, W)."""
        size = (images.shape[1], images.shape[2])
        found = self.encoder(self.seen(images))
        maps = found["block_16_project"]
        levels = [maps]
        for bins in BINS:
            level = self.through(f"pyramid_{bins}", functional.adaptive_avg_pool2d(maps, bins))
            levels.append(resized(level, (maps.shape[2], maps.shape[3])))
        head = self.through("head", torch.cat(levels, dim=1))
        outputs = [resized(self.layer["classes"](head).float(), size)]
        if self.training:
            early = self.through("auxiliary", found["block_12"])
            outputs.append(resized(self.layer["auxiliary_classes"](early).float(), size))
        return outputs


class SegNet(Net):
    """`faceseg.networks.segnet` with the paper's encoder."""

    def __init__(self, classes: int, width: float, momentum: float, own_padding: bool) -> None:
        super().__init__(momentum, own_padding)
        self.ways: dict[str, list[str]] = {}
        channels = 3
        for stage, (filters, count) in enumerate(VGG_STAGES, start=1):
            names = [f"encoder_{stage}_{number}" for number in range(1, count + 1)]
            for name in names:
                channels = self.rectified(name, channels, scaled(filters, width))
            self.ways[f"encoder_{stage}"] = names
        for stage in range(len(VGG_STAGES), 0, -1):
            filters, count = VGG_STAGES[stage - 1]
            last = [VGG_STAGES[stage - 2][0]] if stage > 1 else []
            plan = [filters] * (count - 1) + last
            names = [f"decoder_{stage}_{number}" for number in range(1, len(plan) + 1)]
            for name, out in zip(names, plan, strict=True):
                channels = self.rectified(name, channels, scaled(out, width))
            self.ways[f"decoder_{stage}"] = names
        self.conv("classes", channels, classes, bias=True)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return [logits (B, C, H, W)] of images (B, H, W, 3)."""
        maps, places = self.seen(images), []
        for stage in range(1, len(VGG_STAGES) + 1):
            for name in self.ways[f"encoder_{stage}"]:
                maps = self.through(name, maps)
            maps, indices = functional.max_pool2d(maps, 2, return_indices=True)
            places.append(indices)
        for stage in range(len(VGG_STAGES), 0, -1):
            maps = functional.max_unpool2d(maps, places[stage - 1], 2)
            for name in self.ways[f"decoder_{stage}"]:
                maps = self.through(name, maps)
        return [self.layer["classes"](maps).float()]


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps interpolated between pixel centres."""
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def build(
    name: str,
    num_classes: int = 11,
    *,
    alpha: float = 1.0,
    width: float = 1.0,
    batch_norm_momentum: float = 0.99,
    output_stride: int = 8,
    own_padding: bool = False,
) -> Net:
    """Build the network `name`; options are those of `faceseg.networks.build`.

    The image size must be a multiple of 32. The network maps uint8 or float RGB (B, H, W, 3) to a
    list of float32 logits (B, C, H, W): one, and those of the auxiliary head during the training of
    PSPNet.
    """
    momentum = batch_norm_momentum
    if name == "unet":
        return UNet(num_classes, alpha, width, momentum, own_padding)
    if name == "pspnet":
        return PSPNet(
            num_classes,
            alpha=alpha,
            width=width,
            momentum=momentum,
            own_padding=own_padding,
            output_stride=output_stride,
        )
    if name == "segnet":
        return SegNet(num_classes, width, momentum, own_padding)
    raise ValueError(f"there is no network {name!r}; expected one of {', '.join(NAMES)}")


def copy_weights(keras_model: Any, torch_model: Net) -> None:
    """Copy the weights of a Keras model into `torch_model`, layer by layer, by name.

    PSPNet's auxiliary head is copied if the Keras model has one (the training form).

    Raises:
        ValueError: A layer of one model has no counterpart in the other.
    """
    theirs = {layer.name: layer for layer in keras_model.layers if layer.weights}
    for path, module in torch_model.named_modules():
        name = path.rpartition(".")[2]
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            continue
        if name not in theirs and name.startswith("auxiliary_"):
            continue
        if name not in theirs:
            raise ValueError(f"the Keras model has no layer {name!r}")
        _copy_layer(module, [np.asarray(each) for each in theirs.pop(name).get_weights()])
    if theirs:
        raise ValueError(f"the torch model has no layers {', '.join(theirs)}")


def _copy_layer(module: nn.Module, weights: list[Any]) -> None:
    if isinstance(module, nn.BatchNorm2d):
        mine = [module.weight, module.bias, module.running_mean, module.running_var]
    else:
        depthwise = isinstance(module, nn.Conv2d) and module.groups > 1
        weights[0] = weights[0].transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
        mine = [module.weight, *([] if module.bias is None else [module.bias])]
    with torch.no_grad():
        for own, new in zip(mine, weights, strict=True):
            if tuple(own.shape) != new.shape:
                raise ValueError(f"weights of {tuple(own.shape)} cannot be {new.shape}")
            own.copy_(torch.from_numpy(np.ascontiguousarray(new, dtype=np.float32)))


def parameters(model: Net) -> int:
    """Return the number of parameters, including BatchNorm's moving statistics."""
    return sum(
        tensor.numel()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
