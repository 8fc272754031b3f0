"""SegNet: an encoder of VGG's 13 convolutions, and a decoder that mirrors it.

The encoder passes only the positions of its maxima to the decoder, which puts its values at those
positions and fills the gaps with convolutions. Every convolution but the last, which gives the
logits, is followed by BatchNorm and ReLU.

Source: Badrinarayanan et al. 2017. Departure: no biases before BatchNorm, which would cancel
them. At 256x256 and 11 classes: 29.4 M trained parameters, 40.4 GMAC.

`encoder="mobilenetv2"` departs further. MobileNetV2 has no max-pooling: it reduces maps by
strides. So the indices are those that a 2x2 max-pooling of its tensors at strides 2, 4, 8 and
16 would have (the tensors that the U-Net here uses as skips), and its own features continue
unpooled. A 1x1 convolution gives the decoder the channels that the indices have. The step to full
resolution, where there is nothing to pool, is the one of the U-Net here.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras

from faceseg.errors import check_choice
from faceseg.networks.blocks import (
    convolution,
    full_resolution_logits,
    image_input,
    logits,
    scaled_filters,
)
from faceseg.networks.conventions import KERAS, conventions_of
from faceseg.networks.encoder import check_no_encoder_weights, load_encoder_weights
from faceseg.networks.layers import MaxPoolWithIndices, MaxUnpool
from faceseg.networks.mobilenetv2 import MOBILENETV2, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

VGG_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (filters, convolutions)
ENCODERS = ("vgg", "mobilenetv2")
DECODER_FILTERS = (256, 128, 64, 32)  # of the MobileNetV2 variant, strides 16 to 2
FULL_FILTERS = 16


def build_segnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    encoder: str = "vgg",
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the SegNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        encoder: "vgg" (the paper's) or "mobilenetv2".
        **options: The fields of `NetworkOptions`. VGG ignores `alpha` and has no pretrained
            weights: `encoder_weights` must be "none" or None.

    Returns:
        The untrained network.

    Raises:
        UserError: The encoder is unknown, a value is out of range, or the encoder weights do not
            fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build_segnet(num_classes=11, encoder="mobilenetv2", width=0.5)
    """
    check_choice("encoder", encoder, ENCODERS)
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    image, normalised = image_input(height, breadth, conventions.pixels)
    if encoder == "vgg":
        check_no_encoder_weights(settings.encoder_weights, "segnet with encoder: vgg")
        scores = vgg_segnet(normalised, num_classes, settings.width, momentum)
        return keras.Model(image, scores, name="segnet")
    tensors = encode(normalised, alpha=settings.alpha, conventions=conventions)
    scores = unpooling_decoder(list(tensors.values()), num_classes, settings.width, momentum)
    model = keras.Model(image, scores, name="segnet")
    return load_encoder_weights(model, MOBILENETV2, settings)


def vgg_segnet(
    image: keras.KerasTensor, num_classes: int, width: float, momentum: float
) -> keras.KerasTensor:
    """Return the logits of the paper's network for a normalised image."""
    outputs, positions = image, []
    for stage, (filters, convolutions) in enumerate(VGG_STAGES, start=1):
        for number in range(1, convolutions + 1):
            name = f"encoder_{stage}_{number}"
            outputs = convolution(outputs, scaled_filters(filters, width), name, momentum)
        outputs, indices = MaxPoolWithIndices(name=f"encoder_{stage}_pool")(outputs)
        positions.append(indices)
    for stage in range(len(VGG_STAGES), 0, -1):
        outputs = MaxUnpool(name=f"decoder_{stage}_unpool")(outputs, positions[stage - 1])
        for number, filters in enumerate(mirrored_filters(stage), start=1):
            name = f"decoder_{stage}_{number}"
            outputs = convolution(outputs, scaled_filters(filters, width), name, momentum)
    return logits(outputs, num_classes, kernel=3)


def mirrored_filters(stage: int) -> list[int]:
    """Return the filters of a decoder stage: the encoder's, but for the last convolution.

    The last convolution has the filters of the next stage. Stage 1 has no last convolution here,
    because it is the one that gives the logits.
    """
    filters, convolutions = VGG_STAGES[stage - 1]
    following = [VGG_STAGES[stage - 2][0]] if stage > 1 else []
    return [filters] * (convolutions - 1) + following


def unpooling_decoder(
    tensors: Sequence[keras.KerasTensor], num_classes: int, width: float, momentum: float
) -> keras.KerasTensor:
    """Return the logits of the MobileNetV2 variant's decoder.

    `tensors` are the encoder's at strides 2, 4, 8, 16 and 32; only the positions of the maxima
    are used of the first four.
    """
    *levels, outputs = tensors
    for filters, level, stride in zip(DECODER_FILTERS, levels[::-1], (16, 8, 4, 2), strict=True):
        name, count = f"decoder_{stride}", scaled_filters(filters, width)
        _, indices = MaxPoolWithIndices(name=f"{name}_places")(level)
        outputs = convolution(outputs, level.shape[-1], f"{name}_match", momentum, kernel=1)
        outputs = MaxUnpool(name=f"{name}_unpool")(outputs, indices)
        outputs = convolution(outputs, count, f"{name}_1", momentum)
        outputs = convolution(outputs, count, f"{name}_2", momentum)
    return full_resolution_logits(
        outputs, scaled_filters(FULL_FILTERS, width), num_classes, momentum
    )
