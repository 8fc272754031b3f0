"""An ONNX file: its facts, and its 8-bit form.

ONNX Runtime computes convolutions and matrix products in 8 bits where the graph puts a
quantisation and a dequantisation around them (QDQ).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.export.converters import onnx_graph
from pipelines.export.extras import needed
from pipelines.export.formats import INT8
from pipelines.export.quiet import quiet
from pipelines.export.runtimes import IMAGE


def write_onnx(
    network: keras.Model,
    path: Path,
    precision: str,
    calibration: NDArray[np.uint8],
    facts: Mapping[str, Any],
) -> None:
    """Write `network` to `path`, `facts` in its metadata; calibration (N, h, w, 3) is int8's."""
    onnx = needed("onnx")
    graph = onnx_graph(network)
    if precision == INT8:
        graph = quantised(graph, calibration)
    told = {
        name: each if isinstance(each, str) else json.dumps(each) for name, each in facts.items()
    }
    onnx.helper.set_model_props(graph, told)
    onnx.checker.check_model(graph)
    onnx.save_model(graph, str(path))


def quantised(graph: Any, calibration: NDArray[np.uint8]) -> Any:
    """Return a graph in 8 bits: weights a scale a channel, activations a scale a tensor."""
    onnx, quantization = needed("onnx"), needed("onnxruntime.quantization")
    with TemporaryDirectory(prefix="faceseg-") as folder, quiet():
        given, made = Path(folder) / "given.onnx", Path(folder) / "made.onnx"
        onnx.save_model(graph, str(given))
        quantization.quantize_static(
            str(given),
            str(made),
            _reader(quantization, calibration),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load_model(str(made))


def _reader(quantization: Any, calibration: NDArray[np.uint8]) -> Any:
    class Reader(quantization.CalibrationDataReader):
        """Hands ONNX Runtime one image after the other, then None."""

        def __init__(self) -> None:
            self._images: Iterator[NDArray[np.uint8]] = iter(calibration)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            image = next(self._images, None)
            return None if image is None else {IMAGE: image[None]}

    return Reader()
