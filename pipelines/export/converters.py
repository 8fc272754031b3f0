"""A Keras network as a SavedModel, as an ONNX graph and as a LiteRT file.

Beside `faceseg.backends.tensorflow` the one module that names TensorFlow, whose the converters are.
All take the casting of uint8 pixels into the graph; the rest of the preprocessing is there.

Shapes: N images, h rows, w columns of the grid, C classes.
"""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipelines.export.extras import needed
from pipelines.export.formats import FLOAT16, FLOAT32, INT8
from pipelines.export.quiet import quiet
from pipelines.export.runtimes import IMAGE, LOGITS, Shape

OPSET = 18  # the newest that tf2onnx writes
SIGNATURE = "serving_default"


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
        SIGNATURE, _serve(network), input_signature=[_image(network, images, pixels)]
    )
    archive.write_out(str(folder), verbose=False)


def onnx_graph(network: keras.Model) -> Any:
    """Return the network as an `onnx.ModelProto`, float32, the number of images open."""
    import tensorflow as tf

    signature = [_image(network, None, "uint8")]
    served = tf.function(_serve(network), input_signature=signature)
    with quiet():
        graph, _ = needed("tf2onnx").convert.from_function(
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

    with TemporaryDirectory(prefix="faceseg-") as folder, quiet(), warnings.catch_warnings():
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
            images = full_range(calibration)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image[None]] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
            converter.inference_output_type = tf.float32
        return bytes(converter.convert())


def full_range(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images as float32, with a black and a white pixel in a corner of the first.

    The scale of the input then spans 0 to 255 exactly: a pixel's byte is its 8-bit value.
    """
    ranged = images.astype(np.float32)
    ranged[0, 0, 0], ranged[0, 0, 1] = 0, 255
    return ranged


class SavedModelNetwork:
    """A SavedModel in TensorFlow; see `pipelines.export.runtimes`."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._loaded: Any = tf.saved_model.load(str(folder))  # keeps the variables alive
        self._run = self._loaded.signatures[SIGNATURE]
        _, height, width, channels = self._run.structured_input_signature[1][IMAGE].shape
        self.input_shape: Shape = (None, height, width, channels)

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits (N, h, w, C) of images (N, h, w, 3)."""
        import tensorflow as tf

        answers = self._run(**{IMAGE: tf.constant(images)})
        return np.asarray(answers[LOGITS], np.float32)


def _serve(network: keras.Model) -> Any:
    def serve(image: Any) -> dict[str, Any]:
        return {LOGITS: network(keras.ops.cast(image, FLOAT32), training=False)}

    return serve


def _image(network: keras.Model, images: int | None, pixels: str) -> Any:
    import tensorflow as tf

    return tf.TensorSpec((images, *network.input_shape[1:]), pixels, name=IMAGE)
