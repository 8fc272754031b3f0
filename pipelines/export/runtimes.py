"""Exported files as networks: each in its own runtime, in the form that `Predictor` takes.

A network here has an `input_shape` (None or 1, h, w, 3) and `predict_on_batch`: uint8 RGB
(N, h, w, 3) in, float32 logits (N, h, w, C) out. One thread at a time.
"""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.export.extras import needed

Shape = tuple[int | None, int, int, int]
IMAGE, LOGITS = "image", "logits"  # the names of input and output in every format


class ExportedNetwork(Protocol):
    """What `Predictor` asks of a network."""

    input_shape: Shape

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        ...


class OnnxNetwork:
    """An .onnx file in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        runtime = needed("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or all_threads()
        # Waiting threads would spin, and take the cores from whoever else computes here.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = runtime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        _, height, width, channels = self._session.get_inputs()[0].shape
        self.input_shape: Shape = (None, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        (logits,) = self._session.run([LOGITS], {IMAGE: images})
        return np.asarray(logits, np.float32)


class LiteRTNetwork:
    """A .tflite file in LiteRT, on the CPU. The file takes one image at a time."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        interpreter = needed("ai_edge_litert.interpreter")
        self._interpreter: Any = interpreter.Interpreter(
            str(path), num_threads=threads or all_threads()
        )
        self._run = self._interpreter.get_signature_runner()
        one, height, width, channels = self._run.get_input_details()[IMAGE]["shape"].tolist()
        self.input_shape: Shape = (one, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        return np.concatenate([self._run(**{IMAGE: image[None]})[LOGITS] for image in images])


def all_threads() -> int:
    """Return how many threads a runtime is given: as many as Keras claims for `predict`."""
    return os.cpu_count() or 1
