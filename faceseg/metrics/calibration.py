"""Calibration: whether pixels predicted with 80 % confidence are right in 80 % of the cases.

Pixels are counted in equal bins of confidence (the largest probability) over the whole split, and
the expected calibration error is computed once. Counts of batches are added.
Source: Guo et al. 2017, with 15 bins; bin k contains (k/15, (k+1)/15].

Shapes: C classes, K bins; pixels in any shape (...).
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.metrics.confusion_matrix import Fractions, Labels

BINS = 15

_ROUNDING = 1e-3  # a float16 softmax may exceed 1 by this much


def calibration_counts(
    probabilities: NDArray[np.floating], true: Labels, bins: int = BINS
) -> Fractions:
    """Count pixels by confidence.

    Args:
        probabilities: Class probabilities, shape (..., C).
        true: Ids, shape (...). Pixels with 255 are left out.
        bins: K.

    Returns:
        Counts (2, K, 3). Index 0 counts all pixels, index 1 those whose truth is foreground. The
        last axis is the number of pixels, the number of correct ones, and the sum of confidences.

    Raises:
        ValueError: The shapes differ, or a largest value is outside (0, 1].

    Example:
        >>> everywhere, foreground = calibration_counts(probabilities, true_labels)
        >>> expected_calibration_error(everywhere)
    """
    if probabilities.shape[:-1] != true.shape:
        raise ValueError(f"probabilities {probabilities.shape} do not fit truth {true.shape}")
    kept = true != IGNORE
    chosen, labels = probabilities[kept], true[kept]
    confidence = chosen.max(axis=-1).astype(np.float64)
    if not (np.all(confidence > 0) and np.all(confidence <= 1 + _ROUNDING)):
        raise ValueError("confidences are outside (0, 1]: pass probabilities, not logits")
    right = (chosen.argmax(axis=-1) == labels).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    face = labels > 0
    everywhere = _binned(place, right, confidence, bins)
    return np.stack([everywhere, _binned(place[face], right[face], confidence[face], bins)])


def expected_calibration_error(counts: Fractions) -> float:
    """Return mean |share correct - confidence| over the pixels of counts (K, 3); NaN if empty."""
    pixels, right, confidence = counts.T
    if pixels.sum() == 0:
        return float("nan")
    return float(np.abs(right - confidence).sum() / pixels.sum())


def _binned(
    place: NDArray[np.int64], right: Fractions, confidence: Fractions, bins: int
) -> Fractions:
    """Return the sums of pixels, correct pixels and confidences by bin, shape (K, 3)."""
    columns = [
        np.bincount(place, weights=weights, minlength=bins)
        for weights in (np.ones(len(place)), right, confidence)
    ]
    return np.stack(columns, axis=1)
