"""The confusion matrix as a Keras metric: one pass over the logits, exact counts.

Keras's own MeanIoU counts in int32, which overflows silently after 2^31 pixels of one pair (some
33,000 images at 256x256). Here a count is two words of 30 bits, so it is exact to 2^61 on every
backend, including JAX without 64-bit types.

TensorFlow keeps int32 variables and int32 arithmetic on the host: a training step on a GPU would
copy every label there and back, and XLA cannot compile it. So the words have the type of
`faceseg.backends.device.counter_type`, and class ids are computed as float32, which represents
them exactly.

A step of a small network is short, so an update must be short too. Measured on one CPU thread at
8x64x64x11 (CPU ms): argmax 1.8, the maximum class by class 1.0; segment sum 0.7 and `bincount` 0.5,
which does not compile under XLA. A whole update takes 0.7 (2.8 with argmax), a U-Net's step 53.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from faceseg.backends.device import counter_type
from faceseg.metrics.confusion_matrix import Counts

_WORD = 2**30  # counts are high * _WORD + low, so that low + a batch still fits an int32


@keras.saving.register_keras_serializable(package="faceseg")
class ConfusionMatrix(keras.metrics.Metric):
    """Pixels counted by (truth, prediction); its result is the mean foreground IoU.

    Shapes: B images, H rows, W columns, C classes. The result is NaN before the first
    foreground pixel, as is the IoU of a class that occurs nowhere.
    """

    def __init__(self, num_classes: int, name: str = "iou", **kwargs: Any) -> None:
        """Create a matrix of zeros for C = `num_classes`."""
        super().__init__(name=name, **kwargs)
        self.num_classes = num_classes
        shape = (num_classes, num_classes)
        kind = counter_type()
        self.low = self.add_weight(shape, "zeros", dtype=kind, name="low")
        self.high = self.add_weight(shape, "zeros", dtype=kind, name="high")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> None:
        """Count a batch of up to 2^30 pixels.

        Args:
            y_true: Ids, (B, H, W). Ids of C or more, such as 255, are ignored.
            y_pred: Logits, (B, H, W, C).
            sample_weight: Must be None, because pixels are counted without weights.

        Raises:
            ValueError: Sample weights are given.
        """
        if sample_weight is not None:
            raise ValueError("ConfusionMatrix counts pixels: list it in `metrics`, without weights")
        classes = self.num_classes
        true = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        pred = ops.reshape(_largest(ops.convert_to_tensor(y_pred)), (-1,))
        codes = ops.minimum(true * classes + pred, classes**2)
        scored = ops.cast(codes < classes**2, "int32")
        cells = ops.segment_sum(scored, ops.cast(codes, "int32"), num_segments=classes**2 + 1)
        low = self.low + ops.reshape(ops.cast(cells, self.low.dtype)[:-1], (classes, classes))
        carry = ops.floor_divide(low, _WORD)
        self.low.assign(low - carry * _WORD)
        self.high.assign(self.high + carry)

    def result(self) -> keras.KerasTensor:
        """Return the mean IoU over the foreground classes seen so far: a float32 scalar."""
        counts = ops.cast(self.high, "float32") * _WORD + ops.cast(self.low, "float32")
        hit = ops.diagonal(counts)[1:]
        union = ops.sum(counts, axis=0)[1:] + ops.sum(counts, axis=1)[1:] - hit
        seen = ops.cast(union > 0, "float32")
        iou = hit / ops.maximum(union, 1.0)
        return ops.sum(iou) / ops.sum(seen)

    def counts(self) -> Counts:
        """Return the matrix so far, (C, C): rows the truth, columns the prediction."""
        low, high = (ops.convert_to_numpy(ops.copy(word)) for word in (self.low, self.high))
        counts: Counts = high.astype(np.int64) * _WORD + low
        return counts

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs to make an equal metric."""
        return {**super().get_config(), "num_classes": self.num_classes}


def _largest(logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return the first class with the largest logit: (..., C) to float32 (...), as argmax."""
    best, *others = ops.unstack(logits, axis=-1)
    largest = ops.zeros_like(best)
    for number, each in enumerate(others, 1):
        largest = ops.maximum(largest, ops.cast(each > best, largest.dtype) * number)
        best = ops.maximum(best, each)
    return ops.cast(largest, "float32")
