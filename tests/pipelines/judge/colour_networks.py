"""Networks that are not trained: each pixel becomes the class of the nearest colour.

For x in [0, 1], the class of the largest of 2 c·x - |c|^2 is that of the nearest colour c: one 1x1
convolution. Another scaling z = (x - mean) / std of the pixels changes its weights to those of
x = z std + mean, another order of channels or of class ids exchanges their rows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from faceseg.data.classes import LAPA
from faceseg.inference.predictor import Predictor

SIZE = 64
MEAN = {"imagenet": (0.485, 0.456, 0.406), "-1 to 1": (0.5,) * 3}
STD = {"imagenet": (0.229, 0.224, 0.225), "-1 to 1": (0.5,) * 3, "0 to 255": (1 / 255,) * 3}
COLOURS = np.array(LAPA.palette) / 255
# Without them, a pixel halfway between two colours would have the class that rounding gives it.
OFFSETS = np.random.default_rng(0).uniform(0, 0.01, len(LAPA))


def weights(
    scaling: str = "0 to 1", channels: str = "RGB", ids: Sequence[int] = range(11)
) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (K, 3) and the bias (K,) of the classes `ids` of LaPa, in this order."""
    chosen = COLOURS[list(ids)]
    mean, std = np.array(MEAN.get(scaling, (0.0,) * 3)), np.array(STD.get(scaling, (1.0,) * 3))
    kernel, bias = 2 * chosen * std, 2 * chosen @ mean - (chosen**2).sum(axis=1)
    bias = bias + OFFSETS[list(ids)]
    if channels == "BGR":
        kernel = kernel[:, ::-1]
    return 20 * kernel.astype(np.float32), 20 * bias.astype(np.float32)


class HomeNetwork:
    """The network as faceseg's own are: uint8 RGB in, logits of LaPa's classes out."""

    input_shape = (None, SIZE, SIZE, 3)

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        kernel, bias = weights()
        return images.astype(np.float32) / np.float32(255) @ kernel.T + bias


def home() -> Predictor:
    return Predictor(HomeNetwork(), LAPA)


def write_onnx(
    path: Path,
    layout: str = "NCHW",
    shape: Sequence[Any] | None = None,
    *,
    softmax: bool = False,
    outputs: int = 1,
    **other: Any,
) -> Path:
    """Write a network as ONNX; `shape` is that of its input, `other` is for `weights`."""
    kernel, bias = weights(**other)
    shape = shape or ((1, 3, SIZE, SIZE) if layout == "NCHW" else (1, SIZE, SIZE, 3))
    nodes, image, found = [], "image", "out0"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", ["image"], ["first"], perm=[0, 3, 1, 2]))
        image = "first"
    nodes.append(helper.make_node("Conv", [image, "kernel", "bias"], ["conv"]))
    last = "conv"
    if softmax:
        nodes.append(helper.make_node("Softmax", ["conv"], ["probabilities"], axis=1))
        last = "probabilities"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [last], [found], perm=[0, 2, 3, 1]))
    else:
        nodes.append(helper.make_node("Identity", [last], [found]))
    for number in range(1, outputs):
        nodes.append(helper.make_node("Neg", ["conv"], [f"out{number}"]))
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [
            helper.make_tensor_value_info(f"out{number}", TensorProto.FLOAT, [None] * 4)
            for number in range(outputs)
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(kernel)[:, :, None, None], "kernel"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save_model(model, str(path))
    return path


def keras_network(**other: Any) -> Any:
    """Return a network in Keras, whose input is (N, SIZE, SIZE, 3)."""
    import keras

    kernel, bias = weights(**other)
    image = keras.Input((SIZE, SIZE, 3))
    layer = keras.layers.Conv2D(len(bias), 1)
    network = keras.Model(image, layer(image))
    layer.set_weights([np.ascontiguousarray(kernel.T)[None, None], bias])
    return network


def write_litert(path: Path, *, int8: bool = False, **other: Any) -> Path:
    """Write a network as LiteRT; `int8` for input, weights and output, for pixels in [-1, 1]."""
    import tensorflow as tf

    from pipelines.export.converters import suppressed_stderr

    with suppressed_stderr():
        converter = tf.lite.TFLiteConverter.from_keras_model(keras_network(**other))
        if int8:
            pixels = np.random.default_rng(0).uniform(-1, 1, (8, 1, SIZE, SIZE, 3))
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([each.astype("float32")] for each in pixels)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        path.write_bytes(converter.convert())
    return path


def class_map(ids: Sequence[int] = range(11)) -> dict[int, str]:
    """Return the `classes` of MAP.yaml for a network with these classes of LaPa."""
    return {own: LAPA.names[each] for own, each in enumerate(ids)}
