"""An exponential moving average of a network's weights, which is validated instead of them.

The decay of step t is min(d, (1 + t) / (10 + t)), as in TensorFlow's `ExponentialMovingAverage`
with `num_updates`: with d alone, the first weights would dominate the first 1 / (1 - d) steps.

BatchNorm's moving statistics are averaged like the weights, as in EfficientNet's code (Tan and Le
2019): the current ones are of the activations of the current weights, which differ from those of
the average while the rate is high.

Keras's optimizers have `use_ema`, whose decay is constant and which averages trainable variables
only.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops


class WeightAverage(keras.layers.Layer):
    """The average of the floating-point variables of a network; a layer, so that it is stored.

    It is one vector, because an operation for each of 324 variables takes twice as long.

    Args:
        network: The network; it must be built.
        decay: The largest decay, in (0, 1).
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        super().__init__(name="weight_average", dtype="float32")
        self.decay = decay
        floats = [each for each in network.variables if "float" in each.dtype]
        # In a function, because Keras counts variables in a list as those of the list's owner.
        self._averaged: Callable[[], list[Any]] = lambda: floats
        size = sum(int(np.prod(each.shape)) for each in floats)
        self.average = self._zeros((size,), "average")
        # Floating-point, since TensorFlow keeps integers on the host; exact to 16 million steps.
        self.updates = self._zeros((), "updates")
        self.built = True

    def reset(self) -> None:
        """Start again from the network's present variables."""
        self.average.assign(self._vector())
        self.updates.assign(0.0)

    def update(self) -> None:
        """Add the network's variables after a step."""
        self.updates.assign(self.updates + 1.0)
        decay = ops.minimum((1.0 + self.updates) / (10.0 + self.updates), self.decay)
        self.average.assign(self.average + (self._vector() - self.average) * (1.0 - decay))

    def swap(self) -> None:
        """Exchange the network's variables and the average, to the last bit."""
        # A copy: on a CPU the arrays of torch and JAX are views of the variable's memory.
        average, start = np.array(self.average), 0
        self.average.assign(self._vector())
        for each in self._averaged():
            end = start + int(np.prod(each.shape))
            each.assign(average[start:end].reshape(each.shape))
            start = end

    def _vector(self) -> Any:
        return ops.concatenate([ops.reshape(each, (-1,)) for each in self._averaged()])

    def _zeros(self, shape: tuple[int, ...], name: str) -> Any:
        return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)
