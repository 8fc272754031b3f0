"""PSPNet with a dilated MobileNetV2 encoder.

The map is averaged over 1, 4, 9 and 36 windows (grids of exactly 1, 2, 3 and 6 at every image
size), each average is mixed to a quarter of the channels, spread over the map again and set
beside it; a 3x3 convolution reads them together. Class scores are upsampled to full size.

Source: Zhao et al. 2017. Departures: MobileNetV2 for ResNet, a head of 256 for 512 filters,
no dropout (it would put a random generator into the saved state). As with every PSPNet the
1x1 grid is normalised over the batch alone: it says nothing at a training batch of 1.
At 256x256, 11 classes and output stride 8: 3.4 M parameters, 3.4 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from pathlib import Path

import keras
from keras import layers

from faceseg.networks.blocks import convolution, image_input, scaled_filters
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.layers import AdaptiveAveragePooling, BilinearResize
from faceseg.networks.mobilenetv2 import encode
from faceseg.networks.options import check_arguments

BINS = (1, 2, 3, 6)
HEAD_FILTERS = 256
AUXILIARY_TENSOR = "block_12_add"  # the end of the last stage but one, as in the paper
AUXILIARY_LOSS_WEIGHT = 0.4


def build_pspnet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    alpha: float = 1.0,
    width: float = 1.0,
    encoder_weights: str | Path | None = None,
    batch_norm_momentum: float = 0.99,
    pixels: str = "signed_rgb",
    output_stride: int = 8,
) -> keras.Model:
    """Build the PSPNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    `alpha` scales the encoder's filters, `width` those after it. `output_stride` is 8 (the
    paper's), 16 or 32. `encoder_weights` is "imagenet", "none" (or None), or a file; `pixels`
    is what the first layer sees (see `image_input`).
    The auxiliary head is not part of this model: see `with_auxiliary_head`.
    Raises UserError for sizes that 32 does not divide, and for weights that do not fit.
    """
    momentum = batch_norm_momentum
    height, breadth = check_arguments(
        input_shape, num_classes, alpha=alpha, width=width, batch_norm_momentum=momentum
    )
    image, normalised = image_input(height, breadth, pixels)
    tensors = encode(normalised, alpha=alpha, momentum=momentum, output_stride=output_stride)
    outputs = pyramid(tensors["block_16_project"], width, momentum)
    outputs = convolution(outputs, scaled_filters(HEAD_FILTERS, width), "head", momentum)
    scores = upsampled_logits(outputs, num_classes, (height, breadth))
    model = keras.Model(image, scores, name="pspnet")
    return load_encoder_weights(model, encoder_weights, alpha)


def pyramid(inputs: keras.KerasTensor, width: float, momentum: float) -> keras.KerasTensor:
    """Set the averages of the four grids beside the map they are taken of."""
    _, height, breadth, channels = inputs.shape
    filters = scaled_filters(channels // len(BINS), width)
    levels = [inputs]
    for bins in BINS:
        name = f"pyramid_{bins}"
        level = AdaptiveAveragePooling(bins, name=f"{name}_pool")(inputs)
        level = convolution(level, filters, name, momentum, kernel=1)
        levels.append(BilinearResize(height, breadth, name=f"{name}_resize")(level))
    return layers.Concatenate(name="pyramid_concat")(levels)


def upsampled_logits(
    inputs: keras.KerasTensor, num_classes: int, size: tuple[int, int], prefix: str = ""
) -> keras.KerasTensor:
    """Return float32 class scores at full `size` (H, W), interpolated after the classifier."""
    scores = layers.Conv2D(num_classes, 1, name=f"{prefix}classes")(inputs)
    return BilinearResize(*size, dtype="float32", name=f"{prefix}logits")(scores)


def with_auxiliary_head(model: keras.Model) -> keras.Model:
    """Return the model to train: `model` with a second, early prediction that helps it learn.

    Its outputs are [logits, auxiliary logits], both float32 (B, H, W, C); the loss of the
    second counts AUXILIARY_LOSS_WEIGHT. All layers of `model` are shared, not copied: train
    what is returned, save and serve `model`. The head's own weights are new.
    """
    head = model.get_layer("head_conv")
    momentum = model.get_layer("head_bn").momentum
    early = model.get_layer(AUXILIARY_TENSOR).output
    outputs = convolution(early, scaled_filters(head.filters, 1 / 4), "auxiliary", momentum)
    _, height, breadth, num_classes = model.output.shape
    scores = upsampled_logits(outputs, num_classes, (height, breadth), prefix="auxiliary_")
    return keras.Model(model.input, [model.output, scores], name="pspnet_training")
