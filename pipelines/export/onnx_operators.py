"""TensorFlow's operators that tf2onnx does not translate."""

from collections.abc import Callable
from typing import Any

import numpy as np


def complement_of_error_function(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """Replace Erfc(x), of which TensorFlow makes GELU, by 1 - Erf(x).

    In float32 the difference is at most the rounding of 1; GELU multiplies it by x.
    """
    output = node.output[0]
    shape, kind = graph.get_shape(output), graph.get_dtype(output)
    graph.remove_node(name)
    error = graph.make_node("Erf", node.input, shapes=[shape], dtypes=[kind])
    one = graph.make_const(f"{name}_one", np.ones((), np.float32))
    graph.make_node(
        "Sub", [one.output[0], error.output[0]], name=name, outputs=[output],
        shapes=[shape], dtypes=[kind],
    )  # fmt: skip


HANDLERS: dict[str, tuple[Callable[..., None], list[str]]] = {
    "Erfc": (complement_of_error_function, [])
}
