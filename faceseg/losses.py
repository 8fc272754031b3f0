"""The training loss: cross-entropy plus soft Dice, from logits and integer labels.

Shapes: B images, H rows, W columns, C classes. Pixels labelled 255 count for nothing.
Cross-entropy alone leaves every small class at zero for the first thousand steps (an eye is
0.15 % of the pixels); the Dice term gives each class in the batch the same weight.
Source: Milletari et al. 2016 (V-Net), equation of section 3, summed per class over the batch.
"""

from typing import Any

import keras
from keras import ops

from faceseg.classes import IGNORE

SMOOTH = 1.0  # one pixel: keeps the ratio of an absent class at 1, not 0/0


@keras.saving.register_keras_serializable(package="faceseg")
class CrossEntropyDice(keras.losses.Loss):
    """`cross_entropy_weight` x mean cross-entropy + `dice_weight` x (1 - mean soft Dice).

    The Dice mean runs over the classes that occur in the batch's truth.
    """

    def __init__(
        self,
        cross_entropy_weight: float = 1.0,
        dice_weight: float = 1.0,
        name: str = "cross_entropy_dice",
        **options: Any,
    ) -> None:
        # The reduction is ours: a Dice of a batch is not a mean of the Dice of its images.
        super().__init__(name=name, reduction=None, **_without_reduction(options))
        self.cross_entropy_weight = cross_entropy_weight
        self.dice_weight = dice_weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the scalar loss of labels (B, H, W) and logits (B, H, W, C)."""
        logits = ops.cast(y_pred, "float32")
        labels = ops.cast(y_true, "int32")
        scored = ops.cast(labels != IGNORE, "float32")
        truth = ops.one_hot(ops.where(labels == IGNORE, 0, labels), logits.shape[-1])
        truth = ops.cast(truth, "float32") * scored[..., None]
        log_probability = ops.log_softmax(logits, axis=-1)
        count = ops.maximum(ops.sum(scored), 1.0)
        cross_entropy = -ops.sum(truth * log_probability) / count
        loss = self.cross_entropy_weight * cross_entropy
        if self.dice_weight:
            probability = ops.exp(log_probability) * scored[..., None]
            loss = loss + self.dice_weight * (1.0 - _mean_dice(truth, probability))
        return loss

    def get_config(self) -> dict[str, Any]:
        """Return what makes the same loss again."""
        own = {
            "cross_entropy_weight": self.cross_entropy_weight,
            "dice_weight": self.dice_weight,
        }
        return {**_without_reduction(super().get_config()), **own}


def _mean_dice(truth: Any, probability: Any) -> Any:
    """Return the mean soft Dice of the classes in `truth`; both are (B, H, W, C)."""
    both = ops.sum(truth * probability, axis=(0, 1, 2))
    size = ops.sum(truth, axis=(0, 1, 2))
    dice = (2.0 * both + SMOOTH) / (size + ops.sum(probability, axis=(0, 1, 2)) + SMOOTH)
    present = ops.cast(size > 0, "float32")
    return ops.sum(dice * present) / ops.maximum(ops.sum(present), 1.0)


def _without_reduction(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "reduction"}
