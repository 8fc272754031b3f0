"""The table of architectures: a new one is a file with a builder, and a line here."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import keras

from faceseg.errors import check_choice
from faceseg.networks.pspnet import build_pspnet, with_auxiliary_head
from faceseg.networks.reference import (
    build_reference_pspnet,
    build_reference_segnet,
    build_reference_unet,
)
from faceseg.networks.segnet import build_segnet
from faceseg.networks.unet import build_unet

BUILDERS: dict[str, Callable[..., keras.Model]] = {
    "unet": build_unet,
    "pspnet": build_pspnet,
    "segnet": build_segnet,
    "reference-unet": build_reference_unet,
    "reference-pspnet": build_reference_pspnet,
    "reference-segnet": build_reference_segnet,
}
ARCHITECTURES = tuple(BUILDERS)
# What is added to a network for its training alone; one that is not named trains as it is.
TRAINING_MODELS: dict[str, Callable[[keras.Model], keras.Model]] = {"pspnet": with_auxiliary_head}


def build(
    name: str,
    input_shape: Sequence[int] = (256, 256, 3),
    num_classes: int = 11,
    **options: Any,
) -> keras.Model:
    """Build the network `name`: RGB (B, H, W, 3) of 0 to 255 in, logits (B, H, W, C) out.

    `options` are the builder's own keywords (`alpha`, `width`, `encoder_weights`,
    `batch_norm_momentum`, `pixels`; `output_stride` of pspnet; `encoder` of segnet).
    Raises UserError for an unknown name or option, naming the nearest right one, and for
    whatever the builder refuses.
    """
    check_choice("network", name, ARCHITECTURES)
    builder = BUILDERS[name]
    for option in options:
        check_choice(f"option of {name}", option, builder_options(builder))
    return builder(input_shape, num_classes, **options)


def builder_options(builder: Callable[..., keras.Model]) -> list[str]:
    """Return the names of a builder's keywords."""
    parameters = inspect.signature(builder).parameters.values()
    return [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def training_model(model: keras.Model) -> keras.Model:
    """Return the model to train in place of `model`, whose layers it shares.

    Of pspnet: a model with the outputs [logits, auxiliary logits], the loss of the second to
    count `faceseg.networks.pspnet.AUXILIARY_LOSS_WEIGHT`. Of all others: `model` itself.
    Save, evaluate and serve `model`, not what is returned.
    """
    form = TRAINING_MODELS.get(model.name)
    return model if form is None else form(model)
