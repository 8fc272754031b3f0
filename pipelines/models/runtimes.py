"""Exported files as networks, each in its own runtime, with the interface that `Predictor` uses.

A network here has an `input_shape` (None or 1, h, w, 3) and `predict_on_batch`: uint8 RGB
(N, h, w, 3) in, float32 logits (N, h, w, C) out. Not thread-safe.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceseg.errors import UserError

InputShape = tuple[int | None, int, int, int]
INPUT_NAME, OUTPUT_NAME = "image", "logits"  # the names of input and output in every format
SIGNATURE = "serving_default"  # of a SavedModel


class ExportedNetwork(Protocol):
    """The network interface that `Predictor` uses."""

    input_shape: InputShape

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        ...


class OnnxNetwork:
    """An `.onnx` file in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        runtime = import_extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or thread_count()
        # Waiting threads would spin and take CPU time from other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        _, height, width, channels = self._session.get_inputs()[0].shape
        self.input_shape: InputShape = (None, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        (logits,) = self._session.run([OUTPUT_NAME], {INPUT_NAME: images})
        return np.asarray(logits, np.float32)


class LiteRTNetwork:
    """A `.tflite` file in LiteRT, on the CPU. The file takes one image per call."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        interpreter = import_extra("ai_edge_litert.interpreter")
        self._interpreter: Any = interpreter.Interpreter(
            str(path), num_threads=threads or thread_count()
        )
        self._run = self._interpreter.get_signature_runner()
        one, height, width, channels = self._run.get_input_details()[INPUT_NAME]["shape"].tolist()
        self.input_shape: InputShape = (one, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        return np.concatenate(
            [self._run(**{INPUT_NAME: image[None]})[OUTPUT_NAME] for image in images]
        )


def thread_count() -> int:
    """Return the default thread count of a runtime: all cores, as Keras uses for `predict`."""
    return os.cpu_count() or 1


class SavedModelNetwork:
    """A SavedModel in TensorFlow."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._loaded: Any = tf.saved_model.load(str(folder))  # keeps the variables alive
        self._run = self._loaded.signatures[SIGNATURE]
        _, height, width, channels = self._run.structured_input_signature[1][INPUT_NAME].shape
        self.input_shape: InputShape = (None, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        import tensorflow as tf

        outputs = self._run(**{INPUT_NAME: tf.constant(images)})
        return np.asarray(outputs[OUTPUT_NAME], np.float32)


def import_extra(module: str) -> Any:
    """Import a module that only the extra `export` installs.

    Raises:
        UserError: The module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"exported files need the package {error.name}, which is not installed; "
            "install it with: pip install 'faceseg[export]'"
        ) from error
