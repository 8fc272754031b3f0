"""The encoder of a network: its layers, its variables and pretrained weights for it.

A training may use a lower learning rate for the encoder, or freeze it for some epochs.
`encoder_layers` and `encoder_variables` find it, in new models and in loaded ones.
"""

import re
import warnings
from pathlib import Path

import keras

from faceseg.errors import UserError, first_line

# MobileNetV2's own layer names, and the prefix of the encoders defined here.
ENCODER_LAYER = re.compile(r"Conv1$|bn_Conv1$|expanded_conv_|block_\d+_|encoder_")
IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)  # those that Keras has weights for
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


def load_encoder_weights(
    model: keras.Model, weights: str | Path | None, alpha: float
) -> keras.Model:
    """Set the MobileNetV2 layers of `model` to pretrained weights.

    Args:
        model: A network with a MobileNetV2 encoder.
        weights: "none" or None (leave the weights random), "imagenet" (Keras downloads them), or
            the path of a `keras.applications.MobileNetV2` weights file without the classifier.
        alpha: The encoder's factor on the filters.

    Returns:
        The same model.

    Raises:
        UserError: The weights cannot be read or downloaded, or they belong to another `alpha`.
    """
    if weights is None or weights == NONE:
        return model
    source = download_encoder(alpha) if weights == IMAGENET else read_encoder(weights, alpha)
    for layer in encoder_layers(model):
        if layer.variables:
            layer.set_weights(source.get_layer(layer.name).get_weights())
    return model


def check_no_encoder_weights(weights: str | Path | None, network: str) -> None:
    """Raise UserError if weights are given for a `network` whose encoder is not MobileNetV2."""
    if weights is not None and weights != NONE:
        raise UserError(
            f"encoder_weights is {str(weights)!r}, but {network} has no MobileNetV2 encoder; "
            "expected none. Leave it out for this network, or use segnet with "
            "encoder: mobilenetv2."
        )


def download_encoder(alpha: float) -> keras.Model:
    """Return Keras's MobileNetV2 with its ImageNet weights, downloaded or from Keras's cache."""
    if alpha not in IMAGENET_ALPHAS:
        offers = ", ".join(map(str, IMAGENET_ALPHAS))
        raise UserError(
            f"there are no ImageNet weights for alpha {alpha}; expected one of {offers}. "
            "Use one of these, or encoder_weights: none."
        )
    try:
        return keras.applications.MobileNetV2(
            input_shape=(224, 224, 3), alpha=alpha, include_top=False, weights=IMAGENET
        )
    except Exception as error:  # Keras raises a plain Exception when a download fails
        raise UserError(
            f"the ImageNet weights for alpha {alpha} could not be downloaded ({error}). "
            "Expected an internet connection, or the file in Keras's cache. Set encoder_weights "
            "to the path of a weights file, or to none."
        ) from error


def read_encoder(path: str | Path, alpha: float) -> keras.Model:
    """Return Keras's MobileNetV2 with the weights of a file (.weights.h5 or .h5)."""
    if not Path(path).is_file():
        raise UserError(
            f"encoder_weights is {str(path)!r}, and there is no such file; expected imagenet, "
            "none, or the path of MobileNetV2 weights without the classifier. Correct the path."
        )
    try:
        with warnings.catch_warnings():
            # Before it rejects a file Keras warns about every layer.
            warnings.simplefilter("ignore")
            return keras.applications.MobileNetV2(
                input_shape=(224, 224, 3), alpha=alpha, include_top=False, weights=str(path)
            )
    except (ValueError, KeyError, OSError) as error:  # other shapes, other layers, not HDF5
        raise UserError(
            f"{str(path)!r} does not contain MobileNetV2 weights for alpha {alpha} "
            f"({first_line(error)}); expected a .weights.h5 file of "
            "keras.applications.MobileNetV2(include_top=False). "
            "Set alpha to the file's, or give another file."
        ) from error
