"""MobileNetV2 in plain torch, and the building blocks of the networks on it.

Shapes: B images, H rows, W columns.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-3  # of every BatchNorm in faceseg
# (filters, stride) of MobileNetV2's 17 blocks, and the blocks with which a new size begins.
BLOCKS = (
    *((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1)),
    *((64, 2), (64, 1), (64, 1), (64, 1), (96, 1), (96, 1), (96, 1)),
    *((160, 2), (160, 1), (160, 1), (320, 1)),
)
LAST = "block_16"  # its projection is used without a BatchNorm


def scaled(filters: int, factor: float) -> int:
    """Return MobileNetV2's rounding of `filters` times `factor` to a multiple of 8."""
    wanted = filters * factor
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class Strided(nn.Conv2d):
    """A 3x3 convolution of stride 2 that pads below and to the right, as in Keras."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of half the size (B, H, W)."""
        return super().forward(functional.pad(maps, (0, 1, 0, 1)))


class Net(nn.Module):
    """The base of the three networks: layers by their Keras names, and the input.

    `layer` is a flat table, so a state dictionary looks like Keras's list of layers.
    """

    def __init__(self, momentum: float, own_padding: bool) -> None:
        super().__init__()
        self.momentum, self.own_padding = momentum, own_padding
        self.layer = nn.ModuleDict()

    def conv(
        self,
        name: str,
        inputs: int,
        filters: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        """Add a convolution that keeps the size, or halves it with a stride of 2."""
        pads = stride == 1 or self.own_padding
        self.layer[name] = (nn.Conv2d if pads else Strided)(
            inputs,
            filters,
            kernel,
            stride,
            padding=dilation * (kernel // 2) if pads else 0,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )

    def norm(self, name: str, filters: int) -> None:
        """Add a BatchNorm; torch's momentum is one minus Keras's."""
        self.layer[name] = nn.BatchNorm2d(filters, eps=EPSILON, momentum=1 - self.momentum)

    def rectified(self, name: str, inputs: int, filters: int, kernel: int = 3) -> int:
        """Add a convolution and its BatchNorm; return the number of output channels."""
        self.conv(f"{name}_conv", inputs, filters, kernel)
        self.norm(f"{name}_bn", filters)
        return filters

    def doubled(self, name: str, inputs: int, filters: int) -> int:
        """Add a 2x2 transposed convolution and its BatchNorm; return the number of channels."""
        self.layer[f"{name}_up"] = nn.ConvTranspose2d(inputs, filters, 2, 2, bias=False)
        self.norm(f"{name}_up_bn", filters)
        return filters

    def through(self, name: str, maps: Tensor) -> Tensor:
        """Return ReLU(BatchNorm(convolution)) with the layers of `rectified`."""
        maps = self.layer[f"{name}_bn"](self.layer[f"{name}_conv"](maps))
        return functional.relu(maps, inplace=True)

    def up(self, name: str, maps: Tensor) -> Tensor:
        """Return maps of twice the size, with the layers of `doubled`."""
        maps = self.layer[f"{name}_up_bn"](self.layer[f"{name}_up"](maps))
        return functional.relu(maps, inplace=True)

    def seen(self, images: Tensor) -> Tensor:
        """Return RGB (B, H, W, 3) of 0 to 255 as (B, 3, H, W) in [-1, 1].

        The memory layout stays channels-last; a network in torch's own layout copies it.
        """
        return images.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0


class Encoder(Net):
    """MobileNetV2 at an output stride of 8 or 32, with the layer names of Keras."""

    def __init__(
        self, alpha: float, momentum: float, own_padding: bool, output_stride: int = 32
    ) -> None:
        super().__init__(momentum, own_padding)
        channels = scaled(32, alpha)
        self.conv("Conv1", 3, channels, stride=2)
        self.norm("bn_Conv1", channels)
        self.blocks: list[tuple[str, bool, bool]] = []  # (name, expands, adds)
        self.channels: dict[str, int] = {}
        reached, dilation = 2, 1
        for number, (filters, wanted) in enumerate(BLOCKS):
            keeps = reached * wanted <= output_stride
            name = f"block_{number}" if number else "expanded_conv"
            out = scaled(int(filters * alpha), 1)
            self._block(name, channels, out, wanted if keeps else 1, dilation)
            self.blocks.append((name, number > 0, wanted == 1 and channels == out))
            reached *= wanted if keeps else 1
            dilation *= 1 if keeps else wanted
            channels = out

    def _block(self, name: str, inputs: int, filters: int, stride: int, dilation: int) -> None:
        wide = inputs if name == "expanded_conv" else 6 * inputs
        if wide > inputs:
            self.conv(f"{name}_expand", inputs, wide, 1)
            self.norm(f"{name}_expand_BN", wide)
        self.conv(f"{name}_depthwise", wide, wide, stride=stride, dilation=dilation, groups=wide)
        self.norm(f"{name}_depthwise_BN", wide)
        self.conv(f"{name}_project", wide, filters, 1)
        if name != LAST:
            self.norm(f"{name}_project_BN", filters)
        self.channels |= {f"{name}_expand": wide, f"{name}_project": filters, name: filters}

    def forward(self, maps: Tensor) -> dict[str, Tensor]:
        """Return every block's expanded and projected maps, and its output."""
        layer = self.layer
        maps = functional.relu6(layer["bn_Conv1"](layer["Conv1"](maps)), inplace=True)
        found = {}
        for name, expands, adds in self.blocks:
            wide = maps
            if expands:
                wide = layer[f"{name}_expand_BN"](layer[f"{name}_expand"](maps))
                wide = functional.relu6(wide, inplace=True)
            found[f"{name}_expand"] = wide
            wide = layer[f"{name}_depthwise_BN"](layer[f"{name}_depthwise"](wide))
            wide = functional.relu6(wide, inplace=True)
            found[f"{name}_project"] = narrow = layer[f"{name}_project"](wide)
            if name == LAST:
                break
            narrow = layer[f"{name}_project_BN"](narrow)
            maps = maps + narrow if adds else narrow
            found[name] = maps
        return found
