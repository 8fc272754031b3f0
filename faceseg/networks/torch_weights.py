"""Set layers of Keras to weights of torch, by the names of torch's modules.

torch stores kernels as (out, in, height, width), Keras as (height, width, in, out); depthwise
kernels are (channels, 1, height, width) and (height, width, channels, 1).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
from keras import layers
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
# The tensors of a module in the order of the weights of Keras's layer, and how the first is turned.
_KERNEL = ("weight", "bias")
_STATISTICS = ("weight", "bias", "running_mean", "running_var")
_LAYERS: dict[type, tuple[tuple[str, ...], tuple[int, ...] | None]] = {
    layers.DepthwiseConv2D: (_KERNEL, (2, 3, 0, 1)),
    layers.Conv2D: (_KERNEL, (2, 3, 1, 0)),
    layers.Dense: (_KERNEL, (1, 0)),
    layers.BatchNormalization: (_STATISTICS, None),
    layers.LayerNormalization: (_KERNEL, None),
}


def set_torch_weights(
    targets: Iterable[keras.Layer], torch_name: Callable[[str], str], tensors: Tensors
) -> None:
    """Set each layer that has weights to those of the torch module of its name.

    Args:
        targets: The layers to set.
        torch_name: Returns the torch module's name for a layer's name.
        tensors: torch's, by name. All names may have a common prefix ("encoder.").

    Raises:
        ValueError: A module's tensor is missing or has another shape.
    """
    targets = [each for each in targets if each.weights]
    prefix = common_prefix([f"{torch_name(each.name)}.weight" for each in targets], tensors)
    for layer in targets:
        names, order = next(value for kind, value in _LAYERS.items() if isinstance(layer, kind))
        values = []
        for name, variable in zip(names, layer.weights, strict=False):
            key = f"{prefix}{torch_name(layer.name)}.{name}"
            if key not in tensors:
                raise ValueError(f"it has no tensor {key}")
            value = tensors[key]
            if order and name == "weight" and value.ndim == len(order):
                value = value.transpose(order)
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"{key} has the shape {tensors[key].shape}, and {layer.name} needs "
                    f"{tuple(variable.shape)} in Keras's order"
                )
            values.append(value)
        layer.set_weights(values)


def common_prefix(names: Sequence[str], tensors: Tensors) -> str:
    """Return what precedes the names in `tensors`: the prefix of most of them, or nothing."""
    found = {key.removesuffix(names[0]) for key in tensors if f".{key}".endswith(f".{names[0]}")}
    return max(
        sorted(found, key=len),
        key=lambda prefix: sum(f"{prefix}{name}" in tensors for name in names),
        default="",
    )
