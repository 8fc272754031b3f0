"""DeepLabV3+ with a dilated MobileNetV2 encoder.

Atrous spatial pyramid pooling (ASPP) reads the encoder's last map with a 1x1 convolution, with 3x3
convolutions at three atrous rates, and with the mean of the whole map. The decoder enlarges the
result to a quarter of the image, concatenates 48 channels of the encoder's tensor of that size,
and gives the class scores, which are enlarged to full size.

Source: Chen et al. 2018 (all 3x3 convolutions after the encoder are depthwise separable, as there);
the details are those of segmentation_models_pytorch, which also reads the encoder's 1280 channels.
Departures from it: maps are interpolated between pixel centres; the block that loses its stride
keeps its dilation (`faceseg.networks.mobilenetv2`); no dropout (it would add a random generator to
the saved state). The mean of the map is normalised over the batch alone.
At 256x256, 11 classes and output stride 16: 4.4 M parameters, 1.5 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.errors import UserError
from faceseg.networks.blocks import image_input, scaled_filters, upsampled_logits
from faceseg.networks.conventions import KERAS, Conventions, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.layers import AdaptiveAveragePooling, BilinearResize
from faceseg.networks.mobilenetv2 import LAST, MOBILENETV2, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride: the same reach in the image
DECODER_FILTERS = 256
SKIP_FILTERS = 48
SKIP = "block_2_output"  # the encoder's last tensor at stride 4


def build_deeplabv3plus(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    output_stride: int = 16,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the DeepLabV3+: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        output_stride: The encoder's, 16 or 8.
        **options: The fields of `NetworkOptions`. `width` scales the layers after the encoder.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build("deeplabv3plus", num_classes=11, encoder_weights="imagenet")
    """
    height, breadth = check_sizes(input_shape, num_classes)
    if output_stride not in RATES:
        raise UserError(
            f"output_stride is {output_stride}; expected 8 or 16. "
            "Use 16 for the faster network, 8 for the finer map."
        )
    settings = NetworkOptions(**options)
    conventions = conventions_of(settings, KERAS)
    image, normalised = image_input(height, breadth, conventions.pixels)
    tensors = encode(
        normalised,
        alpha=settings.alpha,
        conventions=conventions,
        output_stride=output_stride,
        levels=(SKIP, LAST),
    )
    filters = scaled_filters(DECODER_FILTERS, settings.width)
    outputs = atrous_pyramid(tensors[LAST], RATES[output_stride], filters, conventions)
    outputs = separable(outputs, filters, "pyramid_last", conventions)
    outputs = BilinearResize(height // 4, breadth // 4, name="decoder_resize")(outputs)
    count = scaled_filters(SKIP_FILTERS, settings.width)
    skip = conventions.block(tensors[SKIP], count, 1, "decoder_skip")
    outputs = layers.Concatenate(name="decoder_concat")([outputs, skip])
    outputs = separable(outputs, filters, "decoder", conventions)
    scores = upsampled_logits(outputs, num_classes, (height, breadth))
    model = keras.Model(image, scores, name="deeplabv3plus")
    return load_encoder_weights(model, MOBILENETV2, settings)


def atrous_pyramid(
    inputs: keras.KerasTensor, rates: Sequence[int], filters: int, conventions: Conventions
) -> keras.KerasTensor:
    """Return the five views of a map, concatenated and reduced to `filters` channels."""
    _, height, breadth, _ = inputs.shape
    views = [conventions.block(inputs, filters, 1, "pyramid_point")]
    views += [
        separable(inputs, filters, f"pyramid_{number}", conventions, rate)
        for number, rate in enumerate(rates, start=1)
    ]
    whole = AdaptiveAveragePooling(1, name="pyramid_pool")(inputs)
    whole = conventions.block(whole, filters, 1, "pyramid_whole")
    views.append(BilinearResize(height, breadth, name="pyramid_whole_resize")(whole))
    outputs = layers.Concatenate(name="pyramid_concat")(views)
    return conventions.block(outputs, filters, 1, "pyramid_project")


def separable(
    inputs: keras.KerasTensor, filters: int, name: str, conventions: Conventions, rate: int = 1
) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(3x3 depthwise convolution at an atrous rate, 1x1 convolution))."""
    outputs = conventions.depthwise(inputs, 3, f"{name}_depthwise", dilation=rate)
    return conventions.block(outputs, filters, 1, name)
