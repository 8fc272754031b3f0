"""Files of networks from other programs: the formats that run no code, opened in their runtimes.

A file is not trusted. ONNX files that keep weights in other files are refused, since such a file
may name any path; Keras's safe mode refuses code. Everything else that a file can do, it does in a
child process first (`pipelines.judge.trial_process`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceseg.data.file_reading import read_at_most
from faceseg.errors import UserError, first_line
from pipelines.foreign.file_formats import MAX_BYTES, check_format
from pipelines.foreign.settings import UNSCALED
from pipelines.models.exported_models import read_export_manifest
from pipelines.models.runtimes import import_extra, thread_count

Array = NDArray[Any]
INTEGERS = ("uint8", "int32", "int64")  # of pixels that are not scaled
DTYPES = ("float16", "float32", "float64", *INTEGERS)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or an output of a network.

    Attributes:
        name: Its name in the file.
        shape: Its sizes; None for one that is open.
        dtype: The type of its values, as numpy names it.
        scale: For values in 8 bits, the real value of one step; 0 otherwise.
        zero: For values in 8 bits, the value that stands for 0.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 0.0
    zero: int = 0


class OpenedNetwork(Protocol):
    """A network in its runtime.

    Attributes:
        inputs: Its inputs.
        outputs: Its outputs.
        facts: What the file states about the input: `channels` and `scaling` as in MAP.yaml.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    facts: Mapping[str, str]

    def run(self, images: Array, output: str) -> Array:
        """Return an output for images in the file's own layout and type."""
        ...


def open_network_file(path: Path, threads: int | None = None) -> OpenedNetwork:
    """Open a file in the runtime of its format.

    Args:
        path: An `.onnx`, `.tflite` or `.keras` file.
        threads: Threads of ONNX Runtime and LiteRT; by default all cores.

    Raises:
        UserError: The format may run code, the file is too large or damaged, or its runtime is not
            installed.
    """
    check_format(path)
    try:
        return OPENERS[path.suffix.lower()](path, threads or thread_count())
    except UserError:
        raise
    except Exception as error:  # the runtimes raise many kinds for a damaged file
        raise UserError(f"{path} cannot be opened: {first_line(error)}") from error


@dataclass
class _OnnxFile:
    path: Path
    threads: int
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        onnx, runtime = import_extra("onnx"), import_extra("onnxruntime")
        content = read_at_most(self.path, MAX_BYTES)
        _require_own_weights(onnx, content, self.path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.log_severity_level = 4  # its errors are raised too
        # Waiting threads would spin and take CPU time from other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self.inputs = tuple(map(_onnx_tensor, self._session.get_inputs()))
        self.outputs = tuple(map(_onnx_tensor, self._session.get_outputs()))
        if self._session.get_modelmeta().custom_metadata_map.get("colour") == "RGB":
            self.facts = {"channels": "RGB"}  # `faceseg export` writes it

    def run(self, images: Array, output: str) -> Array:
        """Return an output for images in the file's own layout and type."""
        (found,) = self._session.run([output], {self.inputs[0].name: images})
        return np.asarray(found)


def _require_own_weights(onnx: Any, content: bytes, path: Path) -> None:
    """Raise UserError if an ONNX file keeps values in other files."""
    for tensor in _tensors(onnx.ModelProto.FromString(content), onnx.TensorProto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise UserError(
                f"{path} is refused: it keeps weights in other files, whose paths it names. Write "
                "one file where you trust it: onnx.save_model(onnx.load('FILE.onnx'), "
                "'network.onnx', save_as_external_data=False)"
            )


def _tensors(message: Any, kind: type) -> Iterator[Any]:
    """Yield the tensors in a message, at any depth: weights, attributes, parts of subgraphs."""
    for each, value in message.ListFields():
        if each.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            if isinstance(part, kind):
                yield part
            else:
                yield from _tensors(part, kind)


def _onnx_tensor(tensor: Any) -> Tensor:
    types = {"float": "float32", "double": "float64"}
    dtype = tensor.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(each if isinstance(each, int) else None for each in tensor.shape)
    return Tensor(name=tensor.name, shape=shape, dtype=types.get(dtype, dtype))


@dataclass
class _LiteRTFile:
    path: Path
    threads: int
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        interpreter = import_extra("ai_edge_litert.interpreter")
        self._interpreter = interpreter.Interpreter(str(self.path), num_threads=self.threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._indices = {each["name"]: each["index"] for each in outputs}
        self._input: int = inputs[0]["index"]
        self.inputs = tuple(map(_litert_tensor, inputs))
        self.outputs = tuple(map(_litert_tensor, outputs))
        self._shape: tuple[int, ...] | None = None
        if _is_own_export(self.path):
            self.facts = {"channels": "RGB", "scaling": UNSCALED}

    def run(self, images: Array, output: str) -> Array:
        """Return an output for images in the file's own layout and type."""
        if images.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._shape = images.shape
        self._interpreter.set_tensor(self._input, images)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._indices[output]))


def _is_own_export(path: Path) -> bool:
    """Return whether `faceseg export` wrote a file: its manifest is beside it and describes it."""
    try:
        return read_export_manifest(path.parent).file == path.name
    except UserError:  # there is none, or a `model.json` of another program
        return False


def _litert_tensor(details: Any) -> Tensor:
    scale, zero = details["quantization"]
    sizes = details["shape_signature"].tolist()
    return Tensor(
        name=details["name"],
        shape=tuple(each if each > 0 else None for each in sizes),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale),
        zero=int(zero),
    )


@dataclass
class _KerasFile:
    path: Path
    threads: int  # of the process
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from faceseg.networks import saving

        self.network = saving.load_foreign_network(self.path)
        self.inputs = tuple(map(_keras_tensor, self.network.inputs))
        self.outputs = tuple(map(_keras_tensor, self.network.outputs))
        if saving.has_metadata(self.path):  # `build` takes pixels as they are
            self.facts = {"channels": "RGB", "scaling": UNSCALED}

    def run(self, images: Array, output: str) -> Array:
        """Return an output for images in the file's own layout and type."""
        import keras

        found = keras.tree.flatten(self.network.predict_on_batch(images))
        return np.asarray(found[[each.name for each in self.outputs].index(output)])


def _keras_tensor(tensor: Any) -> Tensor:
    return Tensor(name=tensor.name, shape=tuple(tensor.shape), dtype=str(tensor.dtype))


OPENERS: Mapping[str, Callable[[Path, int], OpenedNetwork]] = {
    ".onnx": _OnnxFile,
    ".tflite": _LiteRTFile,
    ".keras": _KerasFile,
}
