"""Architectures and their layers: `build(name)`, encoder weights, cost, the `.keras` file.

Training a network is in `training`; predicting photographs of any size with it is in `inference`.

Importing the package also registers the layers that a saved network may contain.
"""

from faceseg.networks.architectures import ARCHITECTURES, build, training_model
from faceseg.networks.encoder import encoder_layers, encoder_variables, is_encoder_variable
from faceseg.networks.options import NetworkOptions
from faceseg.networks.pspnet import AUXILIARY_LOSS_WEIGHT, build_pspnet
from faceseg.networks.segnet import build_segnet
from faceseg.networks.unet import build_unet

__all__ = [
    "ARCHITECTURES",
    "AUXILIARY_LOSS_WEIGHT",
    "NetworkOptions",
    "build",
    "build_pspnet",
    "build_segnet",
    "build_unet",
    "encoder_layers",
    "encoder_variables",
    "is_encoder_variable",
    "training_model",
]
