"""HRNet-W18-Small-v2: four branches of different resolution, side by side.

The branch at stride 4 keeps its resolution from the first layers to the last. Each stage adds a
branch at half the resolution of the one before. A module convolves every branch by itself and then
gives each the sum of all, brought to its size. The four last maps are enlarged to stride 4 and
concatenated (HRNetV2); two 1x1 convolutions give the class scores, which are enlarged to full size.

Source: Wang et al. 2020, sections 3 and 4.1; the sizes are those of "small v2" in
github.com/HRNet/HRNet-Semantic-Segmentation, without its OCR. Maps are enlarged by bilinear
interpolation as in the paper; it is between pixel centres here.
At 256x256 and 11 classes: 3.9 M parameters, 2.4 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import image_input, scaled_filters, upsampled_logits
from faceseg.networks.conventions import TORCH, Conventions, conventions_of
from faceseg.networks.encoder import PREFIX, PretrainedEncoder, load_encoder_weights
from faceseg.networks.layers import BilinearResize
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes
from faceseg.networks.resnet import basic_block

STEM_FILTERS = 64
BRANCH_FILTERS = 18  # of the first; each further branch has twice the filters
MODULES = {2: 1, 3: 3, 4: 2}  # by stage, which is also its number of branches
BLOCKS = 2  # of a branch in a module


def build_hrnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the HRNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        **options: The fields of `NetworkOptions`. `alpha` scales the branches, `width` the head;
            Keras has no ImageNet weights for it.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build("hrnet", num_classes=11)
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions = conventions_of(settings, TORCH)
    image, normalised = image_input(height, breadth, conventions.pixels)
    maps = encode(normalised, settings.alpha, conventions)
    resized = [enlarged(each, maps[0], f"head_{number}_resize") for number, each in enumerate(maps)]
    outputs = layers.Concatenate(name="head_concat")(resized)
    filters = max(8, round(outputs.shape[-1] * settings.width))
    outputs = conventions.convolution(outputs, filters, 1, "head_conv", bias=True)
    outputs = layers.ReLU(name="head_relu")(conventions.norm(outputs, "head_bn"))
    scores = upsampled_logits(outputs, num_classes, (height, breadth))
    model = keras.Model(image, scores, name="hrnet")
    return load_encoder_weights(model, HRNET, settings)


def encode(
    image: keras.KerasTensor, alpha: float, conventions: Conventions
) -> list[keras.KerasTensor]:
    """Return the last maps of the branches, at strides 4, 8, 16 and 32."""
    outputs, filters = image, scaled_filters(STEM_FILTERS, alpha)
    for number in (1, 2):
        outputs = conventions.convolution(outputs, filters, 3, f"{PREFIX}conv{number}", stride=2)
        outputs = conventions.norm(outputs, f"{PREFIX}bn{number}")
        outputs = layers.ReLU(name=f"{PREFIX}relu{number}")(outputs)
    for block in range(BLOCKS):
        outputs = bottleneck(outputs, filters, f"{PREFIX}layer1_{block}", conventions)
    width, maps = max(4, round(BRANCH_FILTERS * alpha)), [outputs]
    for stage, modules in MODULES.items():
        name = f"{PREFIX}transition{stage - 1}"
        last = maps[-1]
        if stage == 2:
            maps = [unit(last, width, f"{name}_0", conventions)]
        count = width * 2 ** (stage - 1)
        maps.append(unit(last, count, f"{name}_{stage - 1}_0", conventions, stride=2))
        for module in range(modules):
            maps = exchange(maps, f"{PREFIX}stage{stage}_{module}", conventions)
    return maps


def exchange(
    maps: Sequence[keras.KerasTensor], name: str, conventions: Conventions
) -> list[keras.KerasTensor]:
    """Return one module's maps: each branch convolved by itself, then the sum of all for each."""
    branches = []
    for number, branch in enumerate(maps):
        outputs = branch
        for block in range(BLOCKS):
            path = f"{name}_branches_{number}_{block}"
            outputs = basic_block(outputs, branch.shape[-1], 1, path, conventions)
        branches.append(outputs)
    results = []
    for number, target in enumerate(branches):
        path = f"{name}_fuse_layers_{number}"
        parts = [
            at_size(each, target, number - other, f"{path}_{other}", conventions)
            for other, each in enumerate(branches)
        ]
        outputs = layers.Add(name=f"{path}_add")(parts)
        results.append(layers.ReLU(name=f"{path}_relu")(outputs))
    return results


def at_size(
    inputs: keras.KerasTensor,
    target: keras.KerasTensor,
    halvings: int,
    name: str,
    conventions: Conventions,
) -> keras.KerasTensor:
    """Return the map of a branch with the size and the channels of `target`.

    A coarser map (`halvings` below 0) gets a 1x1 convolution and is enlarged. A finer one is halved
    by strided 3x3 convolutions, of which only the last changes the channels.
    """
    if halvings == 0:
        return inputs
    filters = target.shape[-1]
    if halvings < 0:
        outputs = conventions.convolution(inputs, filters, 1, f"{name}_0")
        outputs = conventions.norm(outputs, f"{name}_1")
        return enlarged(outputs, target, f"{name}_resize")
    outputs, last = inputs, halvings - 1
    for step in range(last):
        outputs = unit(outputs, inputs.shape[-1], f"{name}_{step}", conventions, stride=2)
    outputs = conventions.convolution(outputs, filters, 3, f"{name}_{last}_0", stride=2)
    return conventions.norm(outputs, f"{name}_{last}_1")


def bottleneck(
    inputs: keras.KerasTensor, filters: int, name: str, conventions: Conventions
) -> keras.KerasTensor:
    """Return ReLU(input + 1x1, 3x3 and 1x1 convolutions to four times the filters)."""
    outputs = inputs
    for number, (kernel, count) in enumerate(((1, 1), (3, 1), (1, 4)), start=1):
        outputs = conventions.convolution(outputs, count * filters, kernel, f"{name}_conv{number}")
        outputs = conventions.norm(outputs, f"{name}_bn{number}")
        if number < 3:
            outputs = layers.ReLU(name=f"{name}_relu{number}")(outputs)
    if inputs.shape[-1] != 4 * filters:
        inputs = conventions.convolution(inputs, 4 * filters, 1, f"{name}_downsample_0")
        inputs = conventions.norm(inputs, f"{name}_downsample_1")
    outputs = layers.Add(name=f"{name}_add")([outputs, inputs])
    return layers.ReLU(name=f"{name}_relu3")(outputs)


def unit(
    inputs: keras.KerasTensor, filters: int, name: str, conventions: Conventions, stride: int = 1
) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(3x3 convolution)), named as the elements of a sequence in torch."""
    outputs = conventions.convolution(inputs, filters, 3, f"{name}_0", stride=stride)
    outputs = conventions.norm(outputs, f"{name}_1")
    return layers.ReLU(name=f"{name}_relu")(outputs)


def enlarged(inputs: keras.KerasTensor, target: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return a map at the size of `target`."""
    return BilinearResize(*target.shape[1:3], name=name)(inputs)


def torch_name(layer: str) -> str:
    """Return the name of a layer in timm's hrnet_w18_small_v2."""
    name = layer.removeprefix(PREFIX).replace("_", ".")
    return name.replace("fuse.layers", "fuse_layers")


HRNET = PretrainedEncoder(name="HRNet-W18-Small-v2", torch_name=torch_name)
