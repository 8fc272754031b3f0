"""Find the GPU kernel of every operation in a TensorFlow graph, on a machine without a card.

TensorFlow's ordinary wheel for Linux registers the kernels of every device it was built for, so
the registry can be read without a card. An operation without a GPU kernel for its types runs on
the host (or fails under XLA), and an argument in host memory is copied from the card and back in
every step.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import kernels, op_def_registry

# These move values or start other operations and have no kernel of their own.
STRUCTURAL = {"Placeholder", "NoOp", "PartitionedCall", "StatefulPartitionedCall"}
DEVICES = ("GPU", "DEFAULT")  # a DEFAULT kernel serves every device
SMALL = 16  # elements: a shape, axes, paddings


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An operation that does not stay on the card.

    Attributes:
        where: The function and the name of the operation.
        operation: Its type.
        problem: The reason.
    """

    where: str
    operation: str
    problem: str


@cache
def _kernels(operation: str) -> list[Any]:
    found = kernels.get_registered_kernels_for_op(operation).kernel
    return [each for each in found if each.device_type in DEVICES]


def audit(graph: Any, where: str) -> Iterator[Finding]:
    """Yield each operation of `graph` and of the functions it calls that leaves the card."""
    for operation in operations(graph):
        if operation.type in STRUCTURAL:
            continue
        fitting = [each for each in _kernels(operation.type) if _fits(each, operation)]
        if not fitting:
            yield Finding(
                where=f"{where}: {operation.name}",
                operation=operation.type,
                problem=f"no GPU kernel for {_types(operation)}",
            )
            continue
        # TensorFlow takes the kernel of the device before that for every device.
        kernel = min(fitting, key=lambda each: DEVICES.index(each.device_type))
        for argument, tensors in _arguments(operation).items():
            if argument in kernel.host_memory_arg and not all(map(_is_small, tensors)):
                yield Finding(
                    where=f"{where}: {operation.name}",
                    operation=operation.type,
                    problem=f"{argument} is in host memory: {[_text(each) for each in tensors]}",
                )


def operations(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph and of every function in its library."""
    yield from graph.get_operations()
    for function in graph._functions.values():
        yield from operations(function.graph)


def _fits(kernel: Any, operation: Any) -> bool:
    for constraint in kernel.constraint:
        value = operation.get_attr(constraint.name)
        values = value if isinstance(value, list) else [value]
        if any(each.as_datatype_enum not in constraint.allowed_values.list.type for each in values):
            return False
    return True


def _types(operation: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for attribute in operation.op_def.attr:
        if attribute.type == "type":
            found[attribute.name] = operation.get_attr(attribute.name).name
    return found


def _arguments(operation: Any) -> Mapping[str, list[Any]]:
    """Return the tensors of each argument, inputs and outputs, by the argument's name."""
    definition = op_def_registry.get(operation.type)
    found: dict[str, list[Any]] = {}
    for tensors, arguments in (
        (iter(operation.inputs), definition.input_arg),
        (iter(operation.outputs), definition.output_arg),
    ):
        for argument in arguments:
            count = operation.get_attr(argument.number_attr) if argument.number_attr else 1
            if argument.type_list_attr:
                count = len(operation.get_attr(argument.type_list_attr))
            found[argument.name] = list(islice(tensors, count))
    return found


def _is_small(tensor: Any) -> bool:
    """Return whether a tensor is a handle, a scalar or a shape: it does not grow with a batch."""
    if tensor.dtype.as_datatype_enum in {types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT}:
        return True
    count = tensor.shape.num_elements()
    return count is not None and count <= SMALL


def _text(tensor: Any) -> str:
    return f"{tensor.dtype.name} {tensor.shape}"


def variables(function: Any) -> list[tf.Variable]:
    """Return every variable that a traced function reads or changes."""
    return list(function.graph.variables)
