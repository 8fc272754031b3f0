"""Find the GPU kernel of every operation in a TensorFlow graph, on a machine without a GPU.

TensorFlow's ordinary wheel for Linux registers the kernels of every device it was built for, so
the registry can be read without a GPU. An operation without a GPU kernel for its types runs on
the host (or fails under XLA), and an argument in host memory is copied from the GPU and back in
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


@dataclass(frozen=True)
class Finding:
    """An operation that does not stay on the GPU.

    Attributes:
        where: The function and the name of the operation.
        operation: Its type.
        problem: The reason.
    """

    where: str
    operation: str
    problem: str


Types = tuple[tuple[str, tuple[int, ...]], ...]  # of each type attribute, by its name


def audit(graph: Any, where: str) -> Iterator[Finding]:
    """Yield each operation of `graph` and of the functions it calls that leaves the GPU."""
    for operation in operations(graph):
        if operation.type in STRUCTURAL:
            continue
        types = _types(operation)
        host = _host_arguments(operation.type, types)
        name = f"{where}: {operation.name}"
        if host is None:
            named = {key: tf.as_dtype(each[0]).name for key, each in types}
            yield Finding(name, operation.type, f"no GPU kernel for {named}")
        elif host:
            for argument, tensors in _arguments(operation).items():
                if argument in host and not all(map(_is_small, tensors)):
                    shown = [f"{each.dtype.name} {each.shape}" for each in tensors]
                    yield Finding(name, operation.type, f"{argument} is in host memory: {shown}")


def operations(graph: Any) -> Iterator[Any]:
    """Yield the operations of a graph and of every function in its library."""
    yield from graph.get_operations()
    for function in graph._functions.values():
        yield from operations(function.graph)


@cache
def _host_arguments(operation: str, types: Types) -> frozenset[str] | None:
    """Return the arguments that the GPU kernel for these types has in host memory.

    Returns:
        Their names; None if no kernel of a GPU, or of every device, has these types.
    """
    given = dict(types)
    found = kernels.get_registered_kernels_for_op(operation).kernel
    for device in DEVICES:  # TensorFlow prefers the kernel of the device
        for kernel in found:
            if kernel.device_type == device and all(
                set(given.get(each.name, ())) <= set(each.allowed_values.list.type)
                for each in kernel.constraint
            ):
                return frozenset(kernel.host_memory_arg)
    return None


def _types(operation: Any) -> Types:
    found = []
    for attribute in op_def_registry.get(operation.type).attr:
        if attribute.type in {"type", "list(type)"}:
            value = operation.get_attr(attribute.name)
            values = value if isinstance(value, list) else [value]
            found.append((attribute.name, tuple(each.as_datatype_enum for each in values)))
    return tuple(found)


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


def variables(function: Any) -> list[tf.Variable]:
    """Return every variable that a traced function reads or changes."""
    return list(function.graph.variables)
