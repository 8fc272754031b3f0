"""The learning rate over the steps of a training, as a factor of its peak.

Warm-up is linear (Goyal et al. 2017); then the half cosine of Loshchilov and Hutter 2017,
without restarts, or a constant. Written once for numbers and for tensors: `operations` is
numpy-like (`numpy` or `keras.ops`), so that what is logged is what was applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Schedule = Literal["cosine", "plateau", "constant"]
COSINE_FLOOR = 0.01  # the cosine ends at a hundredth of the peak, not at a standstill


def learning_rate_factor(
    step: Any, warmup_steps: Any, total_steps: Any, schedule: Schedule, operations: Any = np
) -> Any:
    """Return the factor in (0, 1] for 0-based optimiser `step` out of `total_steps`."""
    warm = (step + 1.0) / operations.maximum(warmup_steps, 1.0)
    after = 1.0
    if schedule == "cosine":
        done = (step - warmup_steps) / operations.maximum(total_steps - warmup_steps, 1.0)
        done = operations.clip(done, 0.0, 1.0)
        after = COSINE_FLOOR + (1.0 - COSINE_FLOOR) * 0.5 * (1.0 + operations.cos(np.pi * done))
    return operations.where(step < warmup_steps, warm, after)


# --- What a training's past epochs say: which was the best, what the plateau has cost, when to stop.
#
# Pure functions of the history, so that a resumed training decides what it would have decided.


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures. `number` counts from 1; `time` is seconds since 1970."""

    number: int
    time: float
    metrics: dict[str, float]


def best_epoch(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch of the best `val/iou`; the first of equals; NaN counts as 0."""
    return max(history, key=lambda epoch: (np.nan_to_num(epoch.metrics["val/iou"]), -epoch.number))


def should_stop_early(history: Sequence[Epoch], patience: int | None) -> bool:
    """Say whether the last `patience` epochs brought no better `val/iou`; None: never."""
    if patience is None or not history:
        return False
    return len(history) - best_epoch(history).number >= patience


def plateau_scale(history: Sequence[Epoch], factor: float, patience: int) -> float:
    """Return what 'reduce on plateau' has come to: a power of `factor`.

    One more factor for each `patience` epochs in a row without a lower `val/loss`; NaN is
    never lower. Keras's ReduceLROnPlateau with `min_delta` and `cooldown` of 0.
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
