"""The table of architectures. To add one, write a file with a builder and add a line here."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras

from faceseg.errors import check_choice
from faceseg.networks.bisenet import build_bisenet, with_auxiliary_heads
from faceseg.networks.deeplabv3plus import build_deeplabv3plus
from faceseg.networks.hrnet import build_hrnet
from faceseg.networks.lraspp import build_lraspp
from faceseg.networks.options import NetworkOptions
from faceseg.networks.pspnet import build_pspnet, with_auxiliary_head
from faceseg.networks.reference import (
    build_reference_pspnet,
    build_reference_segnet,
    build_reference_unet,
)
from faceseg.networks.segformer import build_segformer
from faceseg.networks.segnet import build_segnet
from faceseg.networks.unet import build_unet

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "unet": build_unet,
    "pspnet": build_pspnet,
    "segnet": build_segnet,
    "deeplabv3plus": build_deeplabv3plus,
    "lraspp": build_lraspp,
    "segformer": build_segformer,
    "bisenet": build_bisenet,
    "hrnet": build_hrnet,
    "reference-unet": build_reference_unet,
    "reference-pspnet": build_reference_pspnet,
    "reference-segnet": build_reference_segnet,
}
ARCHITECTURES = tuple(BUILDERS)
# The models that are trained in place of a network. A network without an entry is trained itself.
TRAINING_MODELS: dict[str, Callable[[keras.Model], keras.Model]] = {
    "pspnet": with_auxiliary_head,
    "bisenet": with_auxiliary_heads,
}


def build(
    name: str,
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Any,
) -> keras.Model:
    """Build the network `name`: RGB (B, H, W, 3) of 0 to 255 in, logits (B, H, W, C) out.

    Args:
        name: One of `ARCHITECTURES`.
        input_shape: (H, W, 3) in pixels; H and W multiples of 32.
        num_classes: C, background included; 2 or more.
        **options: The builder's keywords: those of `NetworkOptions`, `output_stride` of pspnet
            and deeplabv3plus, `encoder` of segnet
            and segformer.

    Returns:
        The untrained network, named `name`.

    Raises:
        UserError: The name or an option is unknown (the message suggests the most similar one),
            or the builder does not accept a value.

    Example:
        >>> network = faceseg.build("pspnet", num_classes=11, alpha=0.5, output_stride=16)
    """
    check_choice("network", name, ARCHITECTURES)
    builder = BUILDERS[name]
    for option in options:
        check_choice(f"option of {name}", option, builder_options(builder))
    return builder(input_shape, num_classes, **options)


def builder_options(builder: Callable[..., keras.Model]) -> list[str]:
    """Return the names of a builder's options.

    They are its keyword-only parameters and, if it takes arbitrary keywords, the fields of
    `NetworkOptions`.
    """
    names = []
    for parameter in inspect.signature(builder).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            names.append(parameter.name)
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            names += [field.name for field in dataclasses.fields(NetworkOptions)]
    return names


def training_model(model: keras.Model) -> keras.Model:
    """Return the model to train in place of `model`, whose layers it shares.

    For pspnet and bisenet it has the outputs [logits, auxiliary logits …]; `auxiliary_weight` of
    the training's settings weights the loss of each further one. For all other networks it is
    `model` itself.
    Save, evaluate and serve `model`, not the returned one.
    """
    make = TRAINING_MODELS.get(model.name)
    return model if make is None else make(model)
