"""U-Net with a MobileNetV2 encoder.

Each decoder step doubles the map, sets the encoder's tensor of that size beside it (the
skip), and convolves twice. The skips are the expanded tensors of blocks 1, 3, 6 and 13, the
bottom is block 16's projection. One more step goes from half to full resolution.

Source: Ronneberger et al. 2015, with padded convolutions, BatchNorm, and Sandler et al. 2018
as the encoder; the tensors are those of the reference study, the decoder is half as wide.
At 256x256 and 11 classes: 5.6 M parameters, 3.1 GMAC.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import layers

from faceseg.networks.blocks import (
    convolution,
    full_resolution_logits,
    image_input,
    scaled_filters,
    upsampling,
)
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.mobilenetv2 import encode
from faceseg.networks.options import check_arguments

DECODER_FILTERS = (256, 128, 64, 32)  # from stride 16 down to stride 2
FULL_FILTERS = 16


def build_unet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    alpha: float = 1.0,
    width: float = 1.0,
    encoder_weights: str | Path | None = None,
    batch_norm_momentum: float = 0.99,
    pixels: str = "signed_rgb",
) -> keras.Model:
    """Build the U-Net: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    `alpha` scales the encoder's filters, `width` the decoder's. `encoder_weights` is
    "imagenet", "none" (or None), or a file (see `load_encoder_weights`). `pixels` is what the
    first layer sees (see `image_input`).
    Raises UserError for sizes that 32 does not divide, and for weights that do not fit.
    """
    momentum = batch_norm_momentum
    height, breadth = check_arguments(
        input_shape, num_classes, alpha=alpha, width=width, batch_norm_momentum=momentum
    )
    image, normalised = image_input(height, breadth, pixels)
    *skips, outputs = encode(normalised, alpha=alpha, momentum=momentum).values()
    for filters, skip, stride in zip(DECODER_FILTERS, skips[::-1], (16, 8, 4, 2), strict=True):
        count = scaled_filters(filters, width)
        outputs = decoder_step(outputs, skip, count, f"decoder_{stride}", momentum)
    scores = full_resolution_logits(
        outputs, scaled_filters(FULL_FILTERS, width), num_classes, momentum
    )
    model = keras.Model(image, scores, name="unet")
    return load_encoder_weights(model, encoder_weights, alpha)


def decoder_step(
    inputs: keras.KerasTensor, skip: keras.KerasTensor, filters: int, name: str, momentum: float
) -> keras.KerasTensor:
    """Double `inputs`, join the skip of that size, convolve twice."""
    outputs = upsampling(inputs, filters, name, momentum)
    outputs = layers.Concatenate(name=f"{name}_concat")([outputs, skip])
    outputs = convolution(outputs, filters, f"{name}_1", momentum)
    return convolution(outputs, filters, f"{name}_2", momentum)
