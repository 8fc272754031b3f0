"""A Keras network as a SavedModel, as an ONNX graph and as a LiteRT file.

Beside `faceseg.backends.tensorflow` the one module that names TensorFlow, whose the converters are.
All take the casting of uint8 pixels into the graph; the rest of the preprocessing is there.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.models.formats import FLOAT16, FLOAT32, INT8
from pipelines.models.runtimes import INPUT_NAME, OUTPUT_NAME, SIGNATURE, import_extra

OPSET = 18  # the newest that tf2onnx writes


def in_float32(network: keras.Model) -> keras.Model:
    """Return a network that computes in float32: itself, or one with the same variables.

    Variables of a network trained in mixed precision are float32 already; 16 bits while
    computing were for the graphics card, and few runtimes have bfloat16.
    """
    if all(layer.compute_dtype == FLOAT32 for layer in network.layers):
        return network

    def anew(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": FLOAT32})

    made = keras.models.clone_model(network, clone_function=anew)
    made.set_weights(network.get_weights())
    return made


def write_saved_model(
    network: keras.Model, folder: Path, *, images: int | None = None, pixels: str = "uint8"
) -> None:
    """Write a SavedModel of one signature: image (images, h, w, 3) to logits.

    images: None leaves the number open.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint(
        SIGNATURE,
        _serving_function(network),
        input_signature=[_input_spec(network, images, pixels)],
    )
    archive.write_out(str(folder), verbose=False)


def onnx_graph(network: keras.Model) -> Any:
    """Return the network as an `onnx.ModelProto`, float32, the number of images open."""
    import tensorflow as tf

    signature = [_input_spec(network, None, "uint8")]
    served = tf.function(_serving_function(network), input_signature=signature)
    with suppressed_stderr():
        graph, _ = import_extra("tf2onnx").convert.from_function(
            served, input_signature=signature, opset=OPSET
        )
    for tensor in (graph.graph.input[0], graph.graph.output[0]):
        tensor.type.tensor_type.shape.dim[0].dim_param = "images"
    return graph


def litert_file(network: keras.Model, precision: str, calibration: NDArray[np.uint8]) -> bytes:
    """Return the network as a .tflite file for one image at a time.

    The number of images is fixed: left open, every shape would be worked out at each run, which
    shuts out XNNPACK. float16 concerns the weights. int8 computes in 8 bits throughout;
    calibration (N, h, w, 3) sets the scales.
    """
    import tensorflow as tf

    with (
        TemporaryDirectory(prefix="faceseg-") as folder,
        suppressed_stderr(),
        warnings.catch_warnings(),
    ):
        # Said of every full quantisation: scales come from the images, not from 'statistics'.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        # 8 bits: the pixels as such are the first tensor, so no casting may stand before it.
        pixels = FLOAT32 if precision == INT8 else "uint8"
        write_saved_model(network, Path(folder), images=1, pixels=pixels)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        if precision == FLOAT16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        if precision == INT8:
            images = span_full_range(calibration)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[None]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.float32
        return bytes(converter.convert())


def span_full_range(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as float32, with a black and a white pixel in a corner of the first.

    The scale of the input then spans 0 to 255 exactly: a pixel's byte is its 8-bit value.
    """
    ranged = images.astype(np.float32)
    ranged[0, 0, 0], ranged[0, 0, 1] = 0, 255
    return ranged


def _serving_function(network: keras.Model) -> Any:
    def serve(image: Any) -> dict[str, Any]:
        return {OUTPUT_NAME: network(keras.ops.cast(image, FLOAT32), training=False)}

    return serve


def _input_spec(network: keras.Model, images: int | None, pixels: str) -> Any:
    import tensorflow as tf

    return tf.TensorSpec((images, *network.input_shape[1:]), pixels, name=INPUT_NAME)


# --- An ONNX file: its facts, and its 8-bit form.
#
# ONNX Runtime computes convolutions and matrix products in 8 bits where the graph puts a
# quantisation and a dequantisation around them (QDQ).


def write_onnx(
    network: keras.Model,
    path: Path,
    precision: str,
    calibration: NDArray[np.uint8],
    facts: Mapping[str, Any],
) -> None:
    """Write `network` to `path`, `facts` in its metadata; calibration (N, h, w, 3) is int8's."""
    onnx = import_extra("onnx")
    graph = onnx_graph(network)
    if precision == INT8:
        graph = quantise(graph, calibration)
    told = {
        name: each if isinstance(each, str) else json.dumps(each) for name, each in facts.items()
    }
    onnx.helper.set_model_props(graph, told)
    onnx.checker.check_model(graph)
    onnx.save_model(graph, str(path))


def quantise(graph: Any, calibration: NDArray[np.uint8]) -> Any:
    """Return a graph in 8 bits: weights a scale a channel, activations a scale a tensor."""
    onnx, quantization = import_extra("onnx"), import_extra("onnxruntime.quantization")
    with TemporaryDirectory(prefix="faceseg-") as folder, suppressed_stderr():
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
            return None if image is None else {INPUT_NAME: image[None]}

    return Reader()


# --- Converters write pages past Python to the process's standard error; here is where they go.

ERROR_STREAM = 2


@contextmanager
def suppressed_stderr() -> Iterator[None]:
    """Keep standard error, and log lines below errors, off the terminal.

    Should what runs inside raise, all that it wrote is shown after all. Not for two threads.
    """
    sys.stderr.flush()
    before, level = os.dup(ERROR_STREAM), logging.root.manager.disable
    with TemporaryFile() as written:
        os.dup2(written.fileno(), ERROR_STREAM)
        logging.disable(logging.WARNING)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(before, written.read())
            raise
        finally:
            logging.disable(level)
            os.dup2(before, ERROR_STREAM)
            os.close(before)
