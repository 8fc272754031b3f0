"""Calibration: does a pixel predicted with 80 % confidence come out right in 80 %?

Pixels are counted in equal bins of confidence (the largest probability) over the whole
split, and the expected calibration error is divided out once. Counts of batches are
summed. Source: Guo et al. 2017, with 15 bins, bin k holding (k/15, (k+1)/15].

Shapes: C classes, K bins; pixels in any shape (...).
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.metrics.confusion_matrix import Fractions, Labels

BINS = 15

_ROUNDING = 1e-3  # how far a float16 softmax may step over 1


def calibration_counts(
    probabilities: NDArray[np.floating], true: Labels, bins: int = BINS
) -> Fractions:
    """Count (..., C) probabilities against truth (...): shape (2, K, 3).

    Index 0 counts all pixels, index 1 those whose truth is foreground; truth 255 is left
    out. The last axis is pixels, right ones among them, and the sum of confidences.
    Raises ValueError if shapes disagree or these are not probabilities.
    """
    if probabilities.shape[:-1] != true.shape:
        raise ValueError(f"probabilities {probabilities.shape} do not fit truth {true.shape}")
    kept = true != IGNORE
    chosen, labels = probabilities[kept], true[kept]
    confidence = chosen.max(axis=-1).astype(np.float64)
    if not (np.all(confidence > 0) and np.all(confidence <= 1 + _ROUNDING)):
        raise ValueError("confidences lie outside (0, 1]: give probabilities, not logits")
    right = (chosen.argmax(axis=-1) == labels).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    face = labels > 0
    everywhere = _binned(place, right, confidence, bins)
    return np.stack([everywhere, _binned(place[face], right[face], confidence[face], bins)])


def expected_calibration_error(counts: Fractions) -> float:
    """Mean |share right - confidence| over the pixels of counts (K, 3); NaN without pixels."""
    pixels, right, confidence = counts.T
    if pixels.sum() == 0:
        return float("nan")
    return float(np.abs(right - confidence).sum() / pixels.sum())


def _binned(
    place: NDArray[np.int64], right: Fractions, confidence: Fractions, bins: int
) -> Fractions:
    """Sum pixels, right ones and confidences by bin, shape (K, 3)."""
    columns = [
        np.bincount(place, weights=weights, minlength=bins)
        for weights in (np.ones(len(place)), right, confidence)
    ]
    return np.stack(columns, axis=1)
