"""Convert a Keras network to a SavedModel, an ONNX graph or a LiteRT file.

The converters belong to TensorFlow, so this module imports it. Every file contains the cast of
uint8 pixels; the rest of the preprocessing is part of the network.

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

from pipelines.config.file_errors import NO_PATH
from pipelines.export.onnx_operators import HANDLERS
from pipelines.models.formats import FLOAT16, FLOAT32, INT8
from pipelines.models.runtimes import INPUT_NAME, OUTPUT_NAME, SIGNATURE, import_extra

OPSET = 18  # the newest that tf2onnx writes
STDERR_FILENO = 2


def in_float32(network: keras.Model) -> keras.Model:
    """Return a network that computes in float32: `network` itself, or a copy of it.

    The variables of a network trained in mixed precision are float32 already. Its 16-bit
    computation serves the GPU; few runtimes support bfloat16.
    """
    if all(layer.compute_dtype == FLOAT32 for layer in network.layers):
        return network

    def convert(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": FLOAT32})

    copy = keras.models.clone_model(network, clone_function=convert)
    copy.set_weights(network.get_weights())
    return copy


def write_saved_model(
    network: keras.Model, folder: Path, *, images: int | None = None, pixels: str = "uint8"
) -> None:
    """Write a SavedModel with one signature: image (images, h, w, 3) to logits.

    Args:
        network: The network, in float32.
        folder: The folder to create.
        images: Images per call; None leaves the number open.
        pixels: The dtype of the input.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint(
        SIGNATURE,
        _serving_function(network),
        input_signature=[_input_spec(network, images, pixels)],
    )
    with _as_file_errors(folder):
        archive.write_out(str(folder), verbose=False)


@contextmanager
def _as_file_errors(path: Path) -> Iterator[None]:
    """Raise TensorFlow's errors of the file system as OSError: they have no error number."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        for number in NO_PATH:
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number), str(path)) from error
        raise


def onnx_graph(network: keras.Model) -> Any:
    """Return the network as an `onnx.ModelProto` in float32, with an open number of images."""
    import tensorflow as tf

    signature = [_input_spec(network, None, "uint8")]
    served = tf.function(_serving_function(network), input_signature=signature)
    with suppressed_stderr():
        graph, _ = import_extra("tf2onnx").convert.from_function(
            served, input_signature=signature, opset=OPSET, custom_op_handlers=HANDLERS
        )
    for tensor in (graph.graph.input[0], graph.graph.output[0]):
        tensor.type.tensor_type.shape.dim[0].dim_param = "images"
    return graph


def litert_file(network: keras.Model, precision: str, calibration: NDArray[np.uint8]) -> bytes:
    """Return the network as a `.tflite` file for one image per call.

    The number of images is fixed, because an open one makes LiteRT compute all shapes at each
    run, which rules out XNNPACK.

    Args:
        network: The network, in float32.
        precision: `float32`; `float16`, for the weights; or `int8`, for all computation.
        calibration: Images (N, h, w, 3) that set the 8-bit scales.

    Returns:
        The content of the file.
    """
    import tensorflow as tf

    with (
        TemporaryDirectory(prefix="faceseg-") as folder,
        suppressed_stderr(),
        warnings.catch_warnings(),
    ):
        # TensorFlow warns so at every full quantisation; the images set the scales here.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        # In 8 bits the pixels themselves are the first tensor, so no cast may precede it.
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

    The input's scale then spans exactly 0 to 255, so each 8-bit value equals the pixel's byte.
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


# ONNX Runtime computes convolutions and matrix products in 8 bits where the graph puts a
# quantisation and a dequantisation around them (QDQ).


def write_onnx(
    network: keras.Model,
    path: Path,
    precision: str,
    calibration: NDArray[np.uint8],
    facts: Mapping[str, Any],
) -> None:
    """Write `network` to an `.onnx` file.

    Args:
        network: The network, in float32.
        path: The file to write.
        precision: `float32` or `int8`.
        calibration: Images (N, h, w, 3) that set the 8-bit scales.
        facts: Entries of the file's metadata; values other than text are stored as JSON.
    """
    onnx = import_extra("onnx")
    graph = onnx_graph(network)
    if precision == INT8:
        graph = quantise(graph, calibration)
    metadata = {
        name: each if isinstance(each, str) else json.dumps(each) for name, each in facts.items()
    }
    onnx.helper.set_model_props(graph, metadata)
    onnx.checker.check_model(graph)
    onnx.save_model(graph, str(path))


def quantise(graph: Any, calibration: NDArray[np.uint8]) -> Any:
    """Return an 8-bit graph: weights have one scale per channel, activations one per tensor."""
    onnx, quantization = import_extra("onnx"), import_extra("onnxruntime.quantization")
    with TemporaryDirectory(prefix="faceseg-") as folder, suppressed_stderr():
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        onnx.save_model(graph, str(source))
        quantization.quantize_static(
            str(source),
            str(target),
            _reader(quantization, calibration),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load_model(str(target))


def _reader(quantization: Any, calibration: NDArray[np.uint8]) -> Any:
    class Reader(quantization.CalibrationDataReader):
        """Passes ONNX Runtime one image at a time, then None."""

        def __init__(self) -> None:
            self._images: Iterator[NDArray[np.uint8]] = iter(calibration)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            image = next(self._images, None)
            return None if image is None else {INPUT_NAME: image[None]}

    return Reader()


@contextmanager
def suppressed_stderr() -> Iterator[None]:
    """Suppress standard error, and log messages below the level ERROR.

    The converters write pages of output directly to the process's standard error. If the body
    raises an exception, the suppressed output is written after all. Not thread-safe.
    """
    sys.stderr.flush()
    before, level = os.dup(STDERR_FILENO), logging.root.manager.disable
    with TemporaryFile() as written:
        os.dup2(written.fileno(), STDERR_FILENO)
        logging.disable(logging.WARNING)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(before, written.read())
            raise
        finally:
            logging.disable(level)
            os.dup2(before, STDERR_FILENO)
            os.close(before)
