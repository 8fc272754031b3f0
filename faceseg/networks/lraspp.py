"""LR-ASPP with a MobileNetV3-Large encoder.

The encoder's last map is reduced to 128 channels and multiplied by a gate, which a 1x1 convolution
and a sigmoid compute from the mean of the whole map. Class scores of the result and of the
encoder's tensor at stride 8 are added, and enlarged to full size.

Source: Howard et al. 2019, section 6.4 and figure 10; the details are those of torchvision.
Departure: the gate is of the whole map; the paper's pools 49x49 windows, which span most of it.
At 256x256 and 11 classes: 3.2 M parameters, 0.5 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import image_input, scaled_filters
from faceseg.networks.conventions import KERAS, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.layers import BilinearResize
from faceseg.networks.mobilenetv3 import MOBILENETV3, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

HEAD_FILTERS = 128


def build_lraspp(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the LR-ASPP: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        **options: The fields of `NetworkOptions`. `width` scales the head.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build("lraspp", num_classes=11, encoder_weights="imagenet")
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions = conventions_of(settings, KERAS)
    image, normalised = image_input(height, breadth, conventions.pixels)
    low, high = encode(normalised, settings.alpha, conventions)
    filters = scaled_filters(HEAD_FILTERS, settings.width)
    outputs = conventions.block(high, filters, 1, "head")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="gate_pool")(high)
    gate = conventions.convolution(gate, filters, 1, "gate_conv")
    gate = layers.Activation("sigmoid", name="gate_sigmoid")(gate)
    outputs = layers.Multiply(name="head_gated")([outputs, gate])
    outputs = BilinearResize(height // 8, breadth // 8, name="head_resize")(outputs)
    scores = layers.Conv2D(num_classes, 1, name="classes")(outputs)
    detail = layers.Conv2D(num_classes, 1, name="low_classes")(low)
    scores = layers.Add(name="classes_add")([scores, detail])
    scores = BilinearResize(height, breadth, dtype="float32", name="logits")(scores)
    model = keras.Model(image, scores, name="lraspp")
    return load_encoder_weights(model, MOBILENETV3, settings)
