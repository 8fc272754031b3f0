"""SegNet: an encoder of VGG's 13 convolutions, and a decoder that mirrors it.

What crosses from encoder to decoder is where each maximum was, and nothing else: the decoder
puts its values back at those places and fills the gaps with convolutions. Every convolution
is followed by BatchNorm and ReLU but the last, which gives the logits.

Source: Badrinarayanan et al. 2017. Departures: no biases before BatchNorm, which would cancel
them. At 256x256 and 11 classes: 29.4 M trained parameters, 40.4 GMAC.

`encoder="mobilenetv2"` departs further. MobileNetV2 has no max-pooling: it shrinks by
strides. So the indices are those that a 2x2 max-pooling of its tensors at strides 2, 4, 8 and
16 would have (the tensors that our U-Net takes for skips), while its own features go on
unpooled. A 1x1 convolution gives the decoder the channels that the indices have, and the
step to full resolution, where there is nothing to pool, is our U-Net's.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import keras

from faceseg.errors import check_choice
from faceseg.networks.blocks import (
    convolution,
    full_resolution_logits,
    image_input,
    logits,
    scaled_filters,
)
from faceseg.networks.encoder import check_no_encoder_weights, load_encoder_weights
from faceseg.networks.layers import MaxPoolWithIndices, MaxUnpool
from faceseg.networks.mobilenetv2 import encode
from faceseg.networks.options import check_arguments

VGG_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (filters, convolutions)
ENCODERS = ("vgg", "mobilenetv2")
DECODER_FILTERS = (256, 128, 64, 32)  # of the MobileNetV2 variant, strides 16 to 2
FULL_FILTERS = 16


def build_segnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    encoder: str = "vgg",
    alpha: float = 1.0,
    width: float = 1.0,
    encoder_weights: str | Path | None = None,
    batch_norm_momentum: float = 0.99,
    pixels: str = "signed_rgb",
) -> keras.Model:
    """Build the SegNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    `encoder` is "vgg" (the paper's) or "mobilenetv2". `width` scales the filters, `alpha`
    those of a MobileNetV2 encoder; VGG has no alpha and takes no notice of it.
    `encoder_weights` is "none" (or None), with MobileNetV2 also "imagenet" or a file. `pixels`
    is what the first layer sees (see `image_input`).
    Raises UserError for another encoder, for sizes that 32 does not divide, and for weights
    that do not fit.
    """
    check_choice("encoder", encoder, ENCODERS)
    momentum = batch_norm_momentum
    height, breadth = check_arguments(
        input_shape, num_classes, alpha=alpha, width=width, batch_norm_momentum=momentum
    )
    image, normalised = image_input(height, breadth, pixels)
    if encoder == "vgg":
        check_no_encoder_weights(encoder_weights, "segnet with encoder: vgg")
        scores = vgg_segnet(normalised, num_classes, width, momentum)
        return keras.Model(image, scores, name="segnet")
    tensors = encode(normalised, alpha=alpha, momentum=momentum)
    scores = unpooling_decoder(list(tensors.values()), num_classes, width, momentum)
    model = keras.Model(image, scores, name="segnet")
    return load_encoder_weights(model, encoder_weights, alpha)


def vgg_segnet(
    image: keras.KerasTensor, num_classes: int, width: float, momentum: float
) -> keras.KerasTensor:
    """Lay the paper's network on a normalised image; return its logits."""
    outputs, places = image, []
    for stage, (filters, convolutions) in enumerate(VGG_STAGES, start=1):
        for number in range(1, convolutions + 1):
            name = f"encoder_{stage}_{number}"
            outputs = convolution(outputs, scaled_filters(filters, width), name, momentum)
        outputs, indices = MaxPoolWithIndices(name=f"encoder_{stage}_pool")(outputs)
        places.append(indices)
    for stage in range(len(VGG_STAGES), 0, -1):
        outputs = MaxUnpool(name=f"decoder_{stage}_unpool")(outputs, places[stage - 1])
        for number, filters in enumerate(mirrored_filters(stage), start=1):
            name = f"decoder_{stage}_{number}"
            outputs = convolution(outputs, scaled_filters(filters, width), name, momentum)
    return logits(outputs, num_classes, kernel=3)


def mirrored_filters(stage: int) -> list[int]:
    """Return the filters of a decoder stage: the encoder's, the last already the next stage's.

    Stage 1 lacks its last convolution, which is the one that gives the logits.
    """
    filters, convolutions = VGG_STAGES[stage - 1]
    following = [VGG_STAGES[stage - 2][0]] if stage > 1 else []
    return [filters] * (convolutions - 1) + following


def unpooling_decoder(
    tensors: Sequence[keras.KerasTensor], num_classes: int, width: float, momentum: float
) -> keras.KerasTensor:
    """Lay the decoder of the MobileNetV2 variant; return its logits.

    `tensors` are the encoder's at strides 2, 4, 8, 16 and 32; of the first four only the
    places of their maxima are used.
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
