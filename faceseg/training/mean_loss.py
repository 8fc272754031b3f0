"""The mean loss of an epoch whose batches were filled up to one size with ignored images."""

from typing import Any

import keras
from keras import ops

from faceseg.data.classes import IGNORE


@keras.saving.register_keras_serializable(package="faceseg")
class MeanLoss(keras.metrics.Mean):
    """The mean of the batches' losses, each weighted by its images that have a scored pixel.

    Keras weights a batch by all of its images, so a batch that was filled up would count too much.
    It gives the loss to `update_state` and the labels to `compute_metrics` only, both in the same
    trace; so the loss is added by `add`, which the latter calls.
    """

    _loss: Any = None

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Keep the loss of a batch until its labels are known; Keras's weight is not used."""
        self._loss = values

    def add(self, labels: Any) -> None:
        """Add the loss that was kept, with the weight of its labels (B, H, W)."""
        scored = ops.cast(ops.cast(labels, "float32") != IGNORE, "float32")
        loss, self._loss = self._loss, None  # it belongs to the trace, which ends
        super().update_state(loss, sample_weight=ops.sum(ops.max(scored, axis=(1, 2))))
