"""What a training's past epochs say: which was the best, what the plateau has cost, when to stop.

Pure functions of the history, so that a resumed training decides what it would have decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures. `number` counts from 1; `time` is seconds since 1970."""

    number: int
    time: float
    metrics: dict[str, float]


def best_of(history: Sequence[Epoch]) -> Epoch:
    """Return the epoch of the best `val/iou`; the first of equals; NaN counts as 0."""
    return max(history, key=lambda epoch: (np.nan_to_num(epoch.metrics["val/iou"]), -epoch.number))


def is_stale(history: Sequence[Epoch], patience: int | None) -> bool:
    """Say whether the last `patience` epochs brought no better `val/iou`; None: never."""
    if patience is None or not history:
        return False
    return len(history) - best_of(history).number >= patience


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
