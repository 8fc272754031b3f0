"""The gradient of a loss in its logits, on every backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray


class LogitsLayer(keras.layers.Layer):
    """Logits as weights, so that the backend computes their gradient."""

    def __init__(self, logits: NDArray[np.float32]) -> None:
        super().__init__()
        self.logits = self.add_weight(shape=logits.shape, name="logits")
        self.logits.assign(logits)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return self.logits + 0.0 * inputs


def gradient(
    loss: Callable[[Any, Any], Any], labels: NDArray[np.uint8], logits: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the loss's gradient in each logit: a step of size 1 subtracts it."""
    layer = LogitsLayer(logits)
    model = keras.Sequential([keras.Input(logits.shape[1:]), layer])
    model.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    model.train_on_batch(np.zeros_like(logits), labels)
    return np.asarray(logits - ops.convert_to_numpy(layer.logits))
