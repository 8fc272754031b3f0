"""Networks for face parsing: `build(name, ...)` makes any of `NAMES`.

Importing this also registers the layers that a saved network may name.
"""

from faceseg.networks.architectures import ARCHITECTURES, build, training_model
from faceseg.networks.encoder import encoder_layers, encoder_variables, is_encoder_variable
from faceseg.networks.pspnet import AUXILIARY_LOSS_WEIGHT, build_pspnet
from faceseg.networks.segnet import build_segnet
from faceseg.networks.unet import build_unet

__all__ = [
    "ARCHITECTURES",
    "AUXILIARY_LOSS_WEIGHT",
    "build",
    "build_pspnet",
    "build_segnet",
    "build_unet",
    "encoder_layers",
    "encoder_variables",
    "is_encoder_variable",
    "training_model",
]
