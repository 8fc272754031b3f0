"""SegFormer: a Mix Transformer encoder and a decoder of dense layers alone.

Each of the encoder's four maps is projected to as many channels by a dense layer and enlarged to a
quarter of the image; a 1x1 convolution fuses them, and another gives the class scores, which are
enlarged to full size.

Source: Xie et al. 2021; the details are those of Hugging Face's implementation. Departure: no
dropout (it would add a random generator to the saved state).
At 256x256 and 11 classes: 3.7 M parameters and 1.8 GMAC (B0), 13.7 M and 3.4 (B1).

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.errors import check_choice
from faceseg.networks.blocks import image_input, scaled_filters, upsampled_logits
from faceseg.networks.conventions import TORCH, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.layers import BilinearResize
from faceseg.networks.mix_transformer import MIX_TRANSFORMERS, dense, encode
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes

DECODER_FILTERS = 256


def build_segformer(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    *,
    encoder: str = "mit_b0",
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the SegFormer: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        encoder: "mit_b0" or "mit_b1".
        **options: The fields of `NetworkOptions`. `width` scales the decoder; Keras has no
            ImageNet weights for these encoders.

    Returns:
        The untrained network.

    Raises:
        UserError: The encoder is unknown, a value is out of range, or the encoder weights do not
            fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build("segformer", num_classes=11, encoder="mit_b1")
    """
    check_choice("encoder", encoder, tuple(MIX_TRANSFORMERS))
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions = conventions_of(settings, TORCH)
    image, normalised = image_input(height, breadth, conventions.pixels)
    filters = scaled_filters(DECODER_FILTERS, settings.width)
    levels = []
    maps = encode(normalised, encoder, settings.alpha, conventions)
    for number, level in enumerate(maps, start=1):
        projected = dense(level, filters, f"decoder_{number}")
        resize = BilinearResize(height // 4, breadth // 4, name=f"decoder_{number}_resize")
        levels.append(resize(projected))
    outputs = layers.Concatenate(name="decoder_concat")(levels[::-1])
    outputs = conventions.block(outputs, filters, 1, "decoder_fuse")
    scores = upsampled_logits(outputs, num_classes, (height, breadth))
    model = keras.Model(image, scores, name="segformer")
    return load_encoder_weights(model, MIX_TRANSFORMERS[encoder], settings)
