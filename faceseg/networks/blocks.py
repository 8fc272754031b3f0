"""The blocks that all networks are built from: input, convolution, upsampling, logits."""

from typing import Any

import keras
from keras import layers

from faceseg.errors import check_choice
from faceseg.networks.layers import BatchNorm, BilinearResize, ReversedChannels

# Factor and offset that scale 0 to 255: to [-1, 1], to ImageNet's mean 0 and deviation 1, or to
# [0, 1].
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PIXEL_SCALES: dict[str, tuple[Any, Any]] = {
    "signed_rgb": (1 / 127.5, -1.0),
    "imagenet_rgb": (
        [1 / (255 * each) for each in _DEVIATION],
        [-mean / each for mean, each in zip(_MEAN, _DEVIATION, strict=True)],
    ),
    "unit_bgr": (1 / 255, 0.0),
}


def scaled_filters(filters: int, factor: float) -> int:
    """Return `filters` times `factor` as a multiple of 8, at least 8.

    Rounding is MobileNetV2's: to the nearest multiple of 8, never more than 10 % down.
    """
    wanted = filters * factor
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def image_input(
    height: int, width: int, pixels: str = "signed_rgb"
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input and the normalised image, both (B, height, width, 3).

    The input takes RGB of 0 to 255 as uint8 or float. It is declared float32, because Keras casts
    images to the declared type, and uint8 would cut off the fractions of a float image.

    Args:
        height: In pixels.
        width: In pixels.
        pixels: The normalised image: "signed_rgb" is RGB in [-1, 1], which Keras's networks were
            trained on; "imagenet_rgb" has the mean and deviation of ImageNet, as torch's networks
            expect. "unit_bgr" is BGR in [0, 1], a defect of the reference study; use it only to
            replicate the study.

    Raises:
        UserError: `pixels` is none of these words.
    """
    check_choice("kind of pixels", pixels, PIXEL_SCALES)
    scale, offset = PIXEL_SCALES[pixels]
    image = keras.Input((height, width, 3), dtype="float32", name="image")
    outputs = layers.Rescaling(scale, offset, dtype="float32", name="normalisation")(image)
    if pixels == "unit_bgr":
        outputs = ReversedChannels(dtype="float32", name="bgr")(outputs)
    return image, outputs


def convolution(
    inputs: keras.KerasTensor, filters: int, name: str, momentum: float, kernel: int = 3
) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(convolution)) at the same size; He's initial weights, no bias."""
    outputs = layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(inputs)
    return batch_norm_relu(outputs, name, momentum)


def upsampling(
    inputs: keras.KerasTensor, filters: int, name: str, momentum: float
) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(2x2 transposed convolution)): height and width doubled."""
    outputs = layers.Conv2DTranspose(
        filters,
        2,
        strides=2,
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_up",
    )(inputs)
    return batch_norm_relu(outputs, f"{name}_up", momentum)


def batch_norm_relu(inputs: keras.KerasTensor, name: str, momentum: float) -> keras.KerasTensor:
    """Return ReLU(BatchNorm(inputs))."""
    outputs = BatchNorm(momentum=momentum, name=f"{name}_bn")(inputs)
    return layers.ReLU(name=f"{name}_relu")(outputs)


def full_resolution_logits(
    inputs: keras.KerasTensor, filters: int, num_classes: int, momentum: float
) -> keras.KerasTensor:
    """Return logits at twice the size: the last step from half to full resolution.

    A 2x2 transposed convolution gives every pixel features of its own, a 3x3 depthwise and a 1x1
    convolution mix them with those of the neighbours, and a 1x1 convolution gives the class scores.
    A full 3x3 convolution in the middle would cost 0.15 GMAC more at 256x256 and 16 filters.
    """
    outputs = upsampling(inputs, filters, "full", momentum)
    outputs = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="full_depthwise")(
        outputs
    )
    outputs = convolution(outputs, filters, "full", momentum, kernel=1)
    return logits(outputs, num_classes)


def logits(inputs: keras.KerasTensor, num_classes: int, kernel: int = 1) -> keras.KerasTensor:
    """Return the float32 class scores (B, H, W, num_classes), before any softmax.

    The last layer is named "logits" and is float32 under every precision policy.
    """
    scores = layers.Conv2D(num_classes, kernel, padding="same", name="classes")(inputs)
    return as_float32(scores, "logits")


def upsampled_logits(
    inputs: keras.KerasTensor,
    num_classes: int,
    size: tuple[int, int],
    prefix: str = "",
    bias: bool = True,
) -> keras.KerasTensor:
    """Return float32 class scores at full `size` (H, W), interpolated after the classifier."""
    scores = layers.Conv2D(num_classes, 1, use_bias=bias, name=f"{prefix}classes")(inputs)
    return BilinearResize(*size, dtype="float32", name=f"{prefix}logits")(scores)


def as_float32(inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return `inputs` cast to float32 by a layer of that name."""
    return layers.Activation("linear", dtype="float32", name=name)(inputs)
