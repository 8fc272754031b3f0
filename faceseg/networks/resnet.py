"""The ResNet-18 encoder, without its classifier.

Layers have torchvision's names, which timm has too, after "encoder_" and with underscores.

Source: He et al. 2016, table 1; the 3x3 convolution of a block has its stride.
"""

import keras
from keras import layers

from faceseg.networks.blocks import scaled_filters
from faceseg.networks.conventions import Conventions
from faceseg.networks.encoder import PREFIX, PretrainedEncoder

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # (filters, stride)
BLOCKS = 2  # a stage


def encode(
    image: keras.KerasTensor, alpha: float, conventions: Conventions
) -> list[keras.KerasTensor]:
    """Return the maps of the four stages, at strides 4, 8, 16 and 32, for an image (B, H, W, 3)."""
    outputs = conventions.convolution(
        image, scaled_filters(64, alpha), 7, f"{PREFIX}conv1", stride=2
    )
    outputs = conventions.norm(outputs, f"{PREFIX}bn1")
    outputs = layers.ReLU(name=f"{PREFIX}relu")(outputs)
    outputs = layers.ZeroPadding2D(1, name=f"{PREFIX}pool_pad")(outputs)  # ReLU leaves none below 0
    outputs = layers.MaxPooling2D(3, 2, name=f"{PREFIX}pool")(outputs)
    maps = []
    for stage, (filters, stride) in enumerate(STAGES, start=1):
        for block in range(BLOCKS):
            name = f"{PREFIX}layer{stage}_{block}"
            count = scaled_filters(filters, alpha)
            outputs = basic_block(outputs, count, 1 if block else stride, name, conventions)
        maps.append(outputs)
    return maps


def basic_block(
    inputs: keras.KerasTensor, filters: int, stride: int, name: str, conventions: Conventions
) -> keras.KerasTensor:
    """Return ReLU(input + two 3x3 convolutions); the input is projected where its shape differs."""
    outputs = conventions.convolution(inputs, filters, 3, f"{name}_conv1", stride=stride)
    outputs = conventions.norm(outputs, f"{name}_bn1")
    outputs = layers.ReLU(name=f"{name}_relu1")(outputs)
    outputs = conventions.convolution(outputs, filters, 3, f"{name}_conv2")
    outputs = conventions.norm(outputs, f"{name}_bn2")
    if stride > 1 or inputs.shape[-1] != filters:
        inputs = conventions.convolution(inputs, filters, 1, f"{name}_downsample_0", stride=stride)
        inputs = conventions.norm(inputs, f"{name}_downsample_1")
    outputs = layers.Add(name=f"{name}_add")([outputs, inputs])
    return layers.ReLU(name=f"{name}_relu2")(outputs)


def torch_name(layer: str) -> str:
    """Return the name of a layer in torchvision's and timm's ResNet-18."""
    return layer.removeprefix(PREFIX).replace("_", ".")


RESNET18 = PretrainedEncoder(name="ResNet-18", torch_name=torch_name)
