"""The encoder of a network: its layers, its variables and pretrained weights for it.

A training may use a lower learning rate for the encoder, or freeze it for some epochs.
`encoder_layers` and `encoder_variables` find it, in new models and in loaded ones.
"""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from faceseg.errors import UserError, first_line
from faceseg.networks.conventions import is_torch_file
from faceseg.networks.options import NetworkOptions
from faceseg.networks.safetensors import read_safetensors
from faceseg.networks.torch_weights import set_torch_weights

PREFIX = "encoder_"  # of the layers of every encoder but MobileNetV2, which has Keras's names
ENCODER_LAYER = re.compile(
    rf"Conv1$|bn_Conv1$|Conv_1$|Conv_1_bn$|expanded_conv_|block_\d+_|{PREFIX}"
)
NONE = "none"
IMAGENET = "imagenet"


def is_encoder_variable(path: str) -> bool:
    """Return whether a variable of this `path` ("block_1_expand/kernel") is in the encoder."""
    return any(ENCODER_LAYER.match(part) for part in path.split("/"))


def encoder_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the encoder's layers, in the order of the model."""
    return [layer for layer in model.layers if ENCODER_LAYER.match(layer.name)]


def encoder_variables(model: keras.Model) -> list[keras.Variable]:
    """Return the encoder's trainable variables, whose learning rate may differ."""
    return [each for each in model.trainable_variables if is_encoder_variable(each.path)]


@dataclass(frozen=True, kw_only=True)
class PretrainedEncoder:
    """An encoder and the sources of weights for it.

    Attributes:
        name: The encoder's name in messages.
        torch_name: Returns the name of torch's module for a layer's name.
        keras_name: The name in `keras.applications`; None if Keras has no such network.
        alphas: The factors on the filters for which Keras has ImageNet weights.
    """

    name: str
    torch_name: Callable[[str], str]
    keras_name: str | None = None
    alphas: tuple[float, ...] = ()


def load_encoder_weights(
    model: keras.Model, encoder: PretrainedEncoder, settings: NetworkOptions
) -> keras.Model:
    """Set the encoder's layers of `model` to pretrained weights.

    Args:
        model: A network with this encoder.
        encoder: Its encoder.
        settings: `encoder_weights` is "none" or None (leave the weights random), "imagenet" (Keras
            downloads them), the path of a weights file of the `keras.applications` network without
            the classifier, or a `.safetensors` file of torch's. `alpha` is the encoder's.

    Returns:
        The same model.

    Raises:
        UserError: The weights cannot be read or downloaded, or they belong to another `alpha` or
            encoder.
    """
    weights = settings.encoder_weights
    if weights is None or weights == NONE:
        return model
    if weights != IMAGENET and not Path(weights).is_file():
        raise UserError(
            f"encoder_weights is {str(weights)!r}, and there is no such file; expected imagenet, "
            f"none, or the path of {encoder.name} weights without the classifier. "
            "Correct the path."
        )
    if is_torch_file(weights):
        return _load_torch(model, encoder, weights, settings.alpha)
    if encoder.keras_name is None:
        raise UserError(
            f"encoder_weights is {str(weights)!r}, and Keras has no {encoder.name}; expected none "
            "or a .safetensors file of torch's weights. docs/networks.md has the sources."
        )
    source = (
        download_encoder(encoder, settings.alpha)
        if weights == IMAGENET
        else read_encoder(encoder, weights, settings.alpha)
    )
    for layer in encoder_layers(model):
        if layer.variables:
            name = layer.name.removeprefix(PREFIX)
            layer.set_weights(source.get_layer(name).get_weights())
    return model


def _load_torch(
    model: keras.Model, encoder: PretrainedEncoder, path: str | Path, alpha: float
) -> keras.Model:
    """Set the encoder's layers to torch's weights of a `.safetensors` file."""
    tensors = read_safetensors(path)
    try:
        set_torch_weights(encoder_layers(model), encoder.torch_name, tensors)
    except ValueError as error:
        raise UserError(
            f"{str(path)!r} does not contain {encoder.name} weights for alpha {alpha} "
            f"({first_line(error)}); expected torch's tensors for this network. "
            "Set alpha to the file's, or give another file."
        ) from error
    return model


def check_no_encoder_weights(weights: str | Path | None, network: str) -> None:
    """Raise UserError if weights are given for a `network` whose encoder has none."""
    if weights is not None and weights != NONE:
        raise UserError(
            f"encoder_weights is {str(weights)!r}, but {network} has no MobileNetV2 encoder; "
            "expected none. Leave it out for this network, or use segnet with "
            "encoder: mobilenetv2."
        )


def _application(encoder: PretrainedEncoder, alpha: float, weights: str) -> keras.Model:
    """Return the network of `keras.applications` without its classifier."""
    build = getattr(keras.applications, str(encoder.keras_name))
    model: keras.Model = build(
        input_shape=(224, 224, 3), alpha=alpha, include_top=False, weights=weights
    )
    return model


def download_encoder(encoder: PretrainedEncoder, alpha: float) -> keras.Model:
    """Return Keras's network with its ImageNet weights, downloaded or from Keras's cache."""
    if alpha not in encoder.alphas:
        offers = ", ".join(map(str, encoder.alphas))
        raise UserError(
            f"there are no ImageNet weights for alpha {alpha}; expected one of {offers}. "
            "Use one of these, or encoder_weights: none."
        )
    try:
        return _application(encoder, alpha, IMAGENET)
    except Exception as error:  # Keras raises a plain Exception when a download fails
        raise UserError(
            f"the ImageNet weights for alpha {alpha} could not be downloaded ({error}). "
            "Expected an internet connection, or the file in Keras's cache. Set encoder_weights "
            "to the path of a weights file, or to none."
        ) from error


def read_encoder(encoder: PretrainedEncoder, path: str | Path, alpha: float) -> keras.Model:
    """Return Keras's network with the weights of a file (.weights.h5 or .h5)."""
    try:
        with warnings.catch_warnings():
            # Before it rejects a file Keras warns about every layer.
            warnings.simplefilter("ignore")
            return _application(encoder, alpha, str(path))
    except (ValueError, KeyError, OSError) as error:  # other shapes, other layers, not HDF5
        raise UserError(
            f"{str(path)!r} does not contain {encoder.name} weights for alpha {alpha} "
            f"({first_line(error)}); expected a .weights.h5 file of "
            f"keras.applications.{encoder.keras_name}(include_top=False), or torch's weights as "
            ".safetensors. Set alpha to the file's, or give another file."
        ) from error
