"""BiSeNet with a ResNet-18 as its context path.

The spatial path keeps detail: three strided convolutions end at stride 8. The context path is the
encoder at strides 16 and 32, each refined by attention over its channels (ARM), and the mean of its
last map. The feature fusion module (FFM) joins both paths and weights the channels of the result.
In training two auxiliary heads predict from the context path.

Source: Yu et al. 2018; the details, such as the convolutions after each enlargement, are those of
github.com/CoinCheung/BiSeNet. Departure from it: logits are interpolated between pixel centres.
The mean of the last map is normalised over the batch alone.
At 256x256 and 11 classes: 13.2 M parameters, 3.7 GMAC.

Shapes: B images, H rows, W columns, C classes.
"""

from collections.abc import Sequence
from typing import Unpack

import keras
from keras import layers

from faceseg.networks.blocks import image_input, scaled_filters, upsampled_logits
from faceseg.networks.conventions import TORCH, Conventions, conventions_of
from faceseg.networks.encoder import load_encoder_weights
from faceseg.networks.options import NetworkKeywords, NetworkOptions, check_sizes
from faceseg.networks.resnet import RESNET18, encode

SPATIAL_FILTERS = 64
PATH_FILTERS = 128  # of the last map of each path
FUSED_FILTERS = 256
AUXILIARY = {"auxiliary_8": "context_8_relu", "auxiliary_16": "context_16_relu"}  # heads: inputs


def build_bisenet(
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Unpack[NetworkKeywords],
) -> keras.Model:
    """Build the BiSeNet: RGB (B, H, W, 3) of 0 to 255 in, float32 logits (B, H, W, C) out.

    The auxiliary heads are not part of this model: see `with_auxiliary_heads`.

    Args:
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        **options: The fields of `NetworkOptions`. `width` scales all but the encoder; Keras has no
            ImageNet weights for it.

    Returns:
        The untrained network.

    Raises:
        UserError: A value is out of range, or the encoder weights do not fit.
        TypeError: There is no such option.

    Example:
        >>> network = faceseg.build("bisenet", num_classes=11, width=0.5)
    """
    height, breadth = check_sizes(input_shape, num_classes)
    settings = NetworkOptions(**options)
    conventions = conventions_of(settings, TORCH)
    image, normalised = image_input(height, breadth, conventions.pixels)
    maps = encode(normalised, settings.alpha, conventions)
    context = context_path(maps, settings.width, conventions)
    spatial = spatial_path(normalised, settings.width, conventions)
    filters = scaled_filters(FUSED_FILTERS, settings.width)
    outputs = feature_fusion(spatial, context, filters, conventions)
    outputs = conventions.block(outputs, filters, 3, "head")
    scores = upsampled_logits(outputs, num_classes, (height, breadth), bias=False)
    model = keras.Model(image, scores, name="bisenet")
    return load_encoder_weights(model, RESNET18, settings)


def spatial_path(
    image: keras.KerasTensor, width: float, conventions: Conventions
) -> keras.KerasTensor:
    """Return the detail of an image at stride 8."""
    outputs = image
    for number, kernel in enumerate((7, 3, 3), start=1):
        filters = scaled_filters(SPATIAL_FILTERS, width)
        outputs = conventions.block(outputs, filters, kernel, f"spatial_{number}", stride=2)
    return conventions.block(outputs, scaled_filters(PATH_FILTERS, width), 1, "spatial_out")


def context_path(
    maps: Sequence[keras.KerasTensor], width: float, conventions: Conventions
) -> keras.KerasTensor:
    """Return the context at stride 8, from the encoder's maps at strides 16 and 32."""
    filters = scaled_filters(PATH_FILTERS, width)
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="context_pool")(maps[-1])
    outputs = conventions.block(mean, filters, 1, "context_mean")
    for level, stride in ((maps[-1], 32), (maps[-2], 16)):
        refined = attention_refinement(level, filters, f"context_{stride}_refine", conventions)
        outputs = layers.Add(name=f"context_{stride}_add")([refined, outputs])
        outputs = layers.UpSampling2D(2, name=f"context_{stride // 2}_up")(outputs)
        outputs = conventions.block(outputs, filters, 3, f"context_{stride // 2}")
    return outputs


def attention_refinement(
    inputs: keras.KerasTensor, filters: int, name: str, conventions: Conventions
) -> keras.KerasTensor:
    """Return a convolution of a map, each channel weighted by a gate of the map's mean (ARM)."""
    outputs = conventions.block(inputs, filters, 3, name)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(outputs)
    gate = conventions.block(gate, filters, 1, f"{name}_gate", activation="sigmoid")
    return layers.Multiply(name=f"{name}_gated")([outputs, gate])


def feature_fusion(
    spatial: keras.KerasTensor,
    context: keras.KerasTensor,
    filters: int,
    conventions: Conventions,
) -> keras.KerasTensor:
    """Return both paths joined, plus the same weighted by a gate of its mean (FFM)."""
    outputs = layers.Concatenate(name="fusion_concat")([spatial, context])
    outputs = conventions.block(outputs, filters, 1, "fusion")
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="fusion_pool")(outputs)
    gate = conventions.convolution(gate, filters // 4, 1, "fusion_gate_1")
    gate = layers.ReLU(name="fusion_gate_relu")(gate)
    gate = conventions.convolution(gate, filters, 1, "fusion_gate_2")
    gate = layers.Activation("sigmoid", name="fusion_gate_sigmoid")(gate)
    gated = layers.Multiply(name="fusion_gated")([outputs, gate])
    return layers.Add(name="fusion_add")([gated, outputs])


def with_auxiliary_heads(model: keras.Model) -> keras.Model:
    """Return the model to train: `model` with two predictions from its context path.

    Its outputs are [logits, auxiliary logits of stride 8, and of stride 16], all float32
    (B, H, W, C). All layers of `model` are shared, not copied: train the returned model, save and
    serve `model`. The heads' own weights are new.
    """
    norm = model.get_layer("head_bn")
    conventions = Conventions(
        pixels="", epsilon=norm.epsilon, symmetric_padding=True, momentum=norm.momentum
    )
    filters = scaled_filters(model.get_layer("head_conv").filters, 1 / 4)
    _, height, breadth, num_classes = model.output.shape
    heads = []
    for name, layer in AUXILIARY.items():
        outputs = conventions.block(model.get_layer(layer).output, filters, 3, name)
        heads.append(
            upsampled_logits(outputs, num_classes, (height, breadth), f"{name}_", bias=False)
        )
    return keras.Model(model.input, [model.output, *heads], name="bisenet_training")
