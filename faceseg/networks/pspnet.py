"""PSPNet with a dilated MobileNetV2 encoder.

The map is averaged over 1, 4, 9 and 36 windows (grids of exactly 1, 2, 3 and 6 at every image
size). Each average is reduced to a quarter of the channels, resized to the map and concatenated
with it; a 3x3 convolution combines them. Class scores are upsampled to full size.

Source: Zhao et al. 2017. Departures: MobileNetV2 in place of ResNet, a head of 256 in place of 512
filters, no dropout (it would add a random generator to the saved state). As in every PSPNet the
1x1 grid is normalised over the batch alone: it carries no information at a training batch of 1.
At 256x256, 11 classes and output stride 8: 3.4 M parameters, 3.4 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import (
    convolution,
    image_input,
    scaled_filters,
    upsampled_logits,
)
from faceseg.networks.conventions import KERAS, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.layers import AdaptiveAveragePooling, BilinearResize
from faceseg.networks.mobilenetv2 import MOBILENETV2, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

BINS = (1, 2, 3, 6)
HEAD_FILTERS = 256
AUXILIARY_TENSOR = "block_12_add"  # the end of the last stage but one, as in the paper
AUXILIARY_LOSS_WEIGHT = 0.4


def build_pspnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    output_stride: int = 8,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the PSPNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    The auxiliary head is not part of this model: see `with_auxiliary_head`.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        output_stride: The encoder's, 8 (the paper's), 16 or 32.
        **options: The fields of `NetworkOptions`. `width` scales the layers after the encoder.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build_pspnet(num_classes=11, encoder_weights="imagenet")
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    image, normalised = image_input(height, breadth, conventions.pixels)
    tensors = encode(
        normalised, alpha=settings.alpha, conventions=conventions, output_stride=output_stride
    )
    outputs = pyramid(tensors["block_16_project"], settings.width, momentum)
    outputs = convolution(outputs, scaled_filters(HEAD_FILTERS, settings.width), "head", momentum)
    scores = upsampled_logits(outputs, num_classes, (height, breadth))
    model = keras.Model(image, scores, name="pspnet")
    return load_encoder_weights(model, MOBILENETV2, settings)


def pyramid(inputs: keras.KerasTensor, width: float, momentum: float) -> keras.KerasTensor:
    """Return the map concatenated with its averages over the four grids."""
    _, height, breadth, channels = inputs.shape
    filters = scaled_filters(channels // len(BINS), width)
    levels = [inputs]
    for bins in BINS:
        name = f"pyramid_{bins}"
        level = AdaptiveAveragePooling(bins, name=f"{name}_pool")(inputs)
        level = convolution(level, filters, name, momentum, kernel=1)
        levels.append(BilinearResize(height, breadth, name=f"{name}_resize")(level))
    return layers.Concatenate(name="pyramid_concat")(levels)


def with_auxiliary_head(model: keras.Model) -> keras.Model:
    """Return the model to train: `model` with a second prediction from an earlier layer.

    Its outputs are [logits, auxiliary logits], both float32 (B, H, W, C); the loss of the second is
    weighted by AUXILIARY_LOSS_WEIGHT. All layers of `model` are shared, not copied: train the
    returned model, save and serve `model`. The head's own weights are new.
    """
    head = model.get_layer("head_conv")
    momentum = model.get_layer("head_bn").momentum
    early = model.get_layer(AUXILIARY_TENSOR).output
    outputs = convolution(early, scaled_filters(head.filters, 1 / 4), "auxiliary", momentum)
    _, height, breadth, num_classes = model.output.shape
    scores = upsampled_logits(outputs, num_classes, (height, breadth), prefix="auxiliary_")
    return keras.Model(model.input, [model.output, scores], name="pspnet_training")
