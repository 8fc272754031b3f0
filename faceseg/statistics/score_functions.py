"""Scores as functions of summed counts, which the bootstrap can evaluate on every resample.

The counts of an image are (C, 2): the intersection and the union of each class. IoU and Dice can be
computed from them. `faceseg.metrics.boundary` counts boundaries in the same shape: `mean_iou` of
those is the boundary IoU. All functions here keep leading axes (resamples, seeds, conditions).

To average other classes than the foreground: `partial(mean_iou, classes=LAPA.eyes)`.
Shapes: C classes, K severities.
"""

from collections.abc import Sequence

import numpy as np

from faceseg.metrics.confusion_matrix import Counts, Fractions, mean_of_defined, ratio
from faceseg.robustness.summary import curve_area
from faceseg.statistics.resampling import Score


def overlap_counts(matrices: Counts) -> Counts:
    """Return each class's intersection and union, from matrices (..., C, C) to (..., C, 2).

    Example:
        >>> overlap_counts(np.array([[1, 1], [0, 1]]))
        array([[1, 2],
               [1, 2]])
    """
    hit = np.diagonal(matrices, axis1=-2, axis2=-1)
    return np.stack([hit, matrices.sum(axis=-2) + matrices.sum(axis=-1) - hit], axis=-1)


def mean_iou(counts: Fractions, classes: Sequence[int] | None = None) -> Fractions:
    """Return the mean IoU of `classes`, by default the foreground: (..., C, 2) -> (...).

    A class without a union is left out of the mean. The mean of no classes is NaN.
    """
    hit, union = _of_classes(counts, classes)
    return mean_of_defined(ratio(hit, union))


def mean_dice(counts: Fractions, classes: Sequence[int] | None = None) -> Fractions:
    """Return the mean Dice of `classes` as `mean_iou`; Dice is 2 hits / (union + hits)."""
    hit, union = _of_classes(counts, classes)
    return mean_of_defined(ratio(2 * hit, union + hit))


def area_under_curve(counts: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Return the area under a score's curve over severity: (..., 1 + K, C, 2) -> (...).

    Args:
        counts: Counts of the clean condition, then of those that cover `shares` of the face.
        score: The score of one condition.
        shares: The covered share of the face of each of the K conditions. Shares that are means
            over a split stay fixed while its images are resampled.

    Returns:
        The area, as `faceseg.robustness.summary.curve_area` defines it.

    Raises:
        ValueError: The shares are not distinct, or there are not K of them.
    """
    return _curve(counts, score, shares) @ _area_weights(shares)


def retention(counts: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Return `area_under_curve` divided by the clean score; NaN where that is 0."""
    curve = _curve(counts, score, shares)
    return ratio(curve @ _area_weights(shares), curve[..., 0])


def _of_classes(counts: Fractions, classes: Sequence[int] | None) -> tuple[Fractions, Fractions]:
    """Return intersections and unions of the chosen classes."""
    chosen = list(range(1, counts.shape[-2]) if classes is None else classes)
    return counts[..., chosen, 0], counts[..., chosen, 1]


def _curve(counts: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Return the score of each condition, (..., 1 + K)."""
    curve = score(counts)
    if curve.shape[-1:] != (1 + len(shares),):
        raise ValueError(
            f"{len(shares)} shares for counts of shape {counts.shape}: expected one condition"
            " more than shares, the clean one first, before the axes of an image's counts"
        )
    return curve


def _area_weights(shares: Sequence[float]) -> Fractions:
    """Return the weight of each condition's score in the area, which is linear in them."""
    if len(set(shares)) != len(shares):
        raise ValueError(f"shares {list(shares)}: each severity needs a share of its own")
    unit = np.eye(1 + len(shares))
    return np.array([curve_area(dict(zip(shares, row[1:], strict=True)), row[0]) for row in unit])
