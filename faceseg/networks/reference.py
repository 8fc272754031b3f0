"""The three networks of the reference study, as its notebook built them, for comparison.

Departures: raw logits in place of softmax, RGB of 0 to 255 as input with the normalisation inside,
names for the layers, and the options `alpha` and `width` for small runs. Everything else is
reproduced, defects included. The defects of the notebook's data preparation are options: `pixels`
here (BGR in [0, 1]) and `label_resizing` of a pack (bilinear masks).
At 256x256 and 11 classes: 12.8, 10.7 and 26.7 M parameters.

Source: github.com/Younessboumlik/Facial-Parts-Segmentation-with-Deep-Learning; the architecture is
reproduced without its code.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import batch_norm_relu, image_input, logits, scaled_filters
from faceseg.networks.conventions import KERAS, conventions_of
from faceseg.networks.encoder import check_no_encoder_weights, load_encoder_weights
from faceseg.networks.layers import BatchNorm
from faceseg.networks.mobilenetv2 import MOBILENETV2, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

UNET_FILTERS = (512, 256, 128, 64)  # decoder, strides 16 to 2
PSPNET_FILTERS = (256, 256, 128, 128, 64)  # transposed convolutions, strides 16 to 1
PSPNET_BINS = (1, 2, 3, 6)
PYRAMID_FILTERS = 256
HEAD_FILTERS = 512
SEGNET_FILTERS = (64, 128, 256, 512, 512)


def build_reference_unet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the notebook's U-Net: a decoder to half the resolution, then each pixel repeated.

    Arguments, shapes and errors are those of `build_unet`.
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    image, normalised = image_input(height, breadth, conventions.pixels)
    *skips, outputs = encode(normalised, alpha=settings.alpha, conventions=conventions).values()
    for filters, skip, stride in zip(UNET_FILTERS, skips[::-1], (16, 8, 4, 2), strict=True):
        name, count = f"decoder_{stride}", scaled_filters(filters, settings.width)
        outputs = layers.Conv2DTranspose(count, 2, strides=2, name=f"{name}_up")(outputs)
        outputs = layers.Concatenate(name=f"{name}_concat")([outputs, skip])
        for number in (1, 2):
            outputs = plain_convolution(outputs, count, f"{name}_{number}", momentum)
    outputs = layers.UpSampling2D(2, name="full_up")(outputs)
    model = keras.Model(image, logits(outputs, num_classes), name="reference-unet")
    return load_encoder_weights(model, MOBILENETV2, settings)


def build_reference_pspnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the notebook's PSPNet: output stride 32, a pyramid, five transposed convolutions.

    Its pyramid is reproduced: `same`-padded average pooling, which at 256x256 gives grids of 1, 2,
    4 and 8 where 1, 2, 3 and 6 are meant. At most other sizes the notebook's code fails; here
    windows have at least one pixel, and the excess is cropped.
    Arguments, shapes and errors are those of `build_unet`.
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    image, normalised = image_input(height, breadth, conventions.pixels)
    deepest = encode(normalised, alpha=settings.alpha, conventions=conventions)["block_16_project"]
    filters = scaled_filters(PYRAMID_FILTERS, settings.width)
    levels = [pooling_branch(deepest, bins, filters, momentum) for bins in PSPNET_BINS]
    outputs = layers.Concatenate(name="pyramid_concat")([deepest, *levels])
    outputs = layers.Conv2D(
        scaled_filters(HEAD_FILTERS, settings.width),
        3,
        padding="same",
        use_bias=False,
        name="head_conv",
    )(outputs)
    outputs = batch_norm_relu(outputs, "head", momentum)
    for filters, stride in zip(PSPNET_FILTERS, (16, 8, 4, 2, 1), strict=True):
        name, count = f"decoder_{stride}", scaled_filters(filters, settings.width)
        outputs = layers.Conv2DTranspose(count, 3, strides=2, padding="same", name=f"{name}_up")(
            outputs
        )
        outputs = batch_norm_relu(outputs, name, momentum)
    outputs = plain_convolution(outputs, scaled_filters(64, settings.width), "full", momentum)
    model = keras.Model(image, logits(outputs, num_classes), name="reference-pspnet")
    return load_encoder_weights(model, MOBILENETV2, settings)


def build_reference_segnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the notebook's "SegNet": a plain U-Net, which concatenates the encoder's feature maps.

    It has no MobileNetV2, so it ignores `alpha` and rejects `encoder_weights`.
    Arguments, shapes and errors are otherwise those of `build_unet`.
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions, momentum = conventions_of(settings, KERAS), settings.batch_norm_momentum
    check_no_encoder_weights(settings.encoder_weights, "reference-segnet")
    image, outputs = image_input(height, breadth, conventions.pixels)
    skips = []
    for stage, filters in enumerate(SEGNET_FILTERS, start=1):
        outputs = two_convolutions(
            outputs, scaled_filters(filters, settings.width), f"encoder_{stage}", momentum
        )
        skips.append(outputs)
        outputs = layers.MaxPooling2D(2, name=f"encoder_{stage}_pool")(outputs)
    for stage in range(len(SEGNET_FILTERS), 0, -1):
        name, count = f"decoder_{stage}", scaled_filters(SEGNET_FILTERS[stage - 1], settings.width)
        outputs = layers.UpSampling2D(2, name=f"{name}_up")(outputs)
        outputs = layers.Concatenate(name=f"{name}_concat")([outputs, skips[stage - 1]])
        outputs = two_convolutions(outputs, count, name, momentum)
    return keras.Model(image, logits(outputs, num_classes), name="reference-segnet")


def plain_convolution(
    inputs: keras.KerasTensor, filters: int, name: str, momentum: float
) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(3x3 convolution with bias)) with Keras's default initial weights."""
    outputs = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv")(inputs)
    return batch_norm_relu(outputs, name, momentum)


def two_convolutions(
    inputs: keras.KerasTensor, filters: int, name: str, momentum: float
) -> keras.KerasTensor:
    """Return BatchNorm(ReLU(3x3 convolution)) applied twice: here the ReLU comes first."""
    outputs = inputs
    for number in (1, 2):
        step = f"{name}_{number}"
        outputs = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{step}_conv")(
            outputs
        )
        outputs = BatchNorm(momentum=momentum, name=f"{step}_bn")(outputs)
    return outputs


def pooling_branch(
    inputs: keras.KerasTensor, bins: int, filters: int, momentum: float
) -> keras.KerasTensor:
    """Return one level of the notebook's pyramid, resized to `inputs`.

    A window has floor(size / bins) pixels a side, at least 1; the last may extend past the map.
    """
    name = f"pyramid_{bins}"
    _, height, width, _ = inputs.shape
    window = (max(1, height // bins), max(1, width // bins))
    outputs = layers.AveragePooling2D(window, padding="same", name=f"{name}_pool")(inputs)
    outputs = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_conv")(outputs)
    outputs = batch_norm_relu(outputs, name, momentum)
    outputs = layers.UpSampling2D(window, name=f"{name}_up")(outputs)
    excess = (outputs.shape[1] - height, outputs.shape[2] - width)
    crop = ((0, excess[0]), (0, excess[1]))
    return layers.Cropping2D(crop, name=f"{name}_crop")(outputs) if any(excess) else outputs
