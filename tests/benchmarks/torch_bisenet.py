"""BiSeNet in plain torch on torchvision's ResNet-18.

No package of torch has it; the structure and the names of the tensors are those of
github.com/CoinCheung/BiSeNet (lib/models/bisenetv1.py), but for the logits, which are interpolated
between pixel centres, and the auxiliary heads, which are left out.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18


def unit(inputs: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Return ReLU(BatchNorm(convolution))."""
    conv = nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, bn=nn.BatchNorm2d(filters), relu=nn.ReLU()))


def mean(maps: Tensor) -> Tensor:
    """Return the mean of each channel (B, C, 1, 1)."""
    return maps.mean((2, 3), keepdim=True)


class Refinement(nn.Module):
    """The attention refinement module."""

    def __init__(self, inputs: int, filters: int) -> None:
        super().__init__()
        self.conv = unit(inputs, filters, 3)
        self.conv_atten = nn.Conv2d(filters, filters, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(filters)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the weighted convolution."""
        maps = self.conv(maps)
        return maps * self.bn_atten(self.conv_atten(mean(maps))).sigmoid()


class Context(nn.Module):
    """The context path."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = resnet18(weights=None)
        self.resnet.fc = nn.Identity()
        self.arm16, self.arm32 = Refinement(256, 128), Refinement(512, 128)
        self.conv_head32, self.conv_head16 = unit(128, 128, 3), unit(128, 128, 3)
        self.conv_avg = unit(512, 128, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the context at stride 8."""
        net = self.resnet
        maps = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        stride_16 = net.layer3(net.layer2(net.layer1(maps)))
        stride_32 = net.layer4(stride_16)
        maps = self.arm32(stride_32) + self.conv_avg(mean(stride_32))
        maps = self.conv_head32(functional.interpolate(maps, scale_factor=2))
        maps = self.arm16(stride_16) + maps
        return self.conv_head16(functional.interpolate(maps, scale_factor=2))


class Fusion(nn.Module):
    """The feature fusion module."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.convblk = unit(filters, filters, 1)
        self.conv1 = nn.Conv2d(filters, filters // 4, 1, bias=False)
        self.conv2 = nn.Conv2d(filters // 4, filters, 1, bias=False)

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        """Return both paths joined, with a weight for each channel."""
        maps = self.convblk(torch.cat([spatial, context], dim=1))
        gate = self.conv2(functional.relu(self.conv1(mean(maps)))).sigmoid()
        return maps * gate + maps


class BiSeNet(nn.Module):
    """The network without auxiliary heads."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cp = Context()
        self.sp = nn.Sequential(
            OrderedDict(
                conv1=unit(3, 64, 7, 2),
                conv2=unit(64, 64, 3, 2),
                conv3=unit(64, 64, 3, 2),
                conv_out=unit(64, 128, 1),
            )
        )
        self.ffm = Fusion(256)
        last = nn.Conv2d(256, classes, 1, bias=False)
        self.conv_out = nn.Sequential(OrderedDict(conv=unit(256, 256, 3), conv_out=last))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, C, H, W)."""
        maps = self.conv_out(self.ffm(self.sp(images), self.cp(images)))
        return functional.interpolate(maps, size=images.shape[-2:], mode="bilinear")
