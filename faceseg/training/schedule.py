"""The learning rate by step, and decisions from the past epochs: best epoch, plateau, early stop.

Warm-up is linear (Goyal et al. 2017); it is followed by the half cosine of Loshchilov and Hutter
2017, without restarts, or by a constant. The decisions are pure functions of the history, so a
resumed training makes the same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Schedule = Literal["cosine", "plateau", "constant"]
COSINE_FLOOR = 0.01  # the cosine ends at a hundredth of the peak, not at 0


def learning_rate_factor(
    step: Any, warmup_steps: Any, total_steps: Any, schedule: Schedule, operations: Any = np
) -> Any:
    """Return the learning rate at a step as a factor of its peak, in (0, 1].

    The same code computes numbers and tensors, so the logged rate is the applied one.

    Args:
        step: The step from 0, a number or a tensor, as are the next two.
        warmup_steps: The steps of the warm-up.
        total_steps: The steps of the whole training.
        schedule: The schedule after the warm-up. For "plateau" the factor is constant here and is
            multiplied by `plateau_scale`.
        operations: `numpy` or `keras.ops`.
    """
    warm = (step + 1.0) / operations.maximum(warmup_steps, 1.0)
    after = 1.0
    if schedule == "cosine":
        done = (step - warmup_steps) / operations.maximum(total_steps - warmup_steps, 1.0)
        done = operations.clip(done, 0.0, 1.0)
        after = COSINE_FLOOR + (1.0 - COSINE_FLOOR) * 0.5 * (1.0 + operations.cos(np.pi * done))
    return operations.where(step < warmup_steps, warm, after)


@dataclass(frozen=True)
class Epoch:
    """The metrics of one epoch.

    Attributes:
        number: Counts from 1.
        time: The end of the epoch, in seconds since 1970.
        metrics: Values by name (`train/loss`, `val/iou` …).
    """

    number: int
    time: float
    metrics: dict[str, float]


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch with the best `val/iou`, the first of equals; NaN counts as 0."""
    return max(history, key=lambda epoch: (np.nan_to_num(epoch.metrics["val/iou"]), -epoch.number))


def should_stop_early(history: Sequence[Epoch], patience: int | None) -> bool:
    """Return whether the last `patience` epochs had no better `val/iou`; never for None."""
    if patience is None or not history:
        return False
    return len(history) - best_epoch(history).number >= patience


def plateau_scale(history: Sequence[Epoch], factor: float, patience: int) -> float:
    """Return the learning rate's current factor under 'reduce on plateau', a power of `factor`.

    The rate is multiplied by `factor` after every `patience` consecutive epochs without a lower
    `val/loss`; NaN is never lower. This is Keras's ReduceLROnPlateau with `min_delta` and
    `cooldown` of 0.
    """
    scale, best, waited = 1.0, np.inf, 0
    for epoch in history:
        loss = epoch.metrics["val/loss"]
        if loss < best:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= patience:
            scale, waited = scale * factor, 0
    return scale
