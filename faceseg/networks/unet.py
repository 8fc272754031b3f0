"""U-Net with a MobileNetV2 encoder.

Each decoder step doubles the map, concatenates the encoder's tensor of that size (the skip), and
convolves twice. The skips are the expanded tensors of blocks 1, 3, 6 and 13; the decoder starts
from block 16's projection. One more step goes from half to full resolution.

Source: Ronneberger et al. 2015, with padded convolutions, BatchNorm, and Sandler et al. 2018
as the encoder; the tensors are those of the reference study, the decoder is half as wide.
At 256x256 and 11 classes: 5.6 M parameters, 3.1 GMAC.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import (
    convolution,
    full_resolution_logits,
    image_input,
    scaled_filters,
    upsampling,
)
from faceseg.networks.conventions import KERAS, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.mobilenetv2 import MOBILENETV2, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

DECODER_FILTERS = (256, 128, 64, 32)  # from stride 16 down to stride 2
FULL_FILTERS = 16


def build_unet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the U-Net: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        **options: The fields of `NetworkOptions`. `width` scales the decoder.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build_unet((128, 128, 3), num_classes=11, alpha=0.35, width=0.25)
        >>> logits = network(images)  # images (B, 128, 128, 3), logits (B, 128, 128, 11)
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    image, normalised = image_input(height, breadth, conventions.pixels)
    *skips, outputs = encode(normalised, alpha=settings.alpha, conventions=conventions).values()
    for filters, skip, stride in zip(DECODER_FILTERS, skips[::-1], (16, 8, 4, 2), strict=True):
        count = scaled_filters(filters, settings.width)
        outputs = decoder_step(outputs, skip, count, f"decoder_{stride}", momentum)
    scores = full_resolution_logits(
        outputs, scaled_filters(FULL_FILTERS, settings.width), num_classes, momentum
    )
    model = keras.Model(image, scores, name="unet")
    return load_encoder_weights(model, MOBILENETV2, settings)


def decoder_step(
    inputs: keras.KerasTensor, skip: keras.KerasTensor, filters: int, name: str, momentum: float
) -> keras.KerasTensor:
    """Double `inputs`, concatenate the skip of that size, convolve twice."""
    outputs = upsampling(inputs, filters, name, momentum)
    outputs = layers.Concatenate(name=f"{name}_concat")([outputs, skip])
    outputs = convolution(outputs, filters, f"{name}_1", momentum)
    return convolution(outputs, filters, f"{name}_2", momentum)
