"""Scores as functions of summed tallies, for a resampling that knows none of them.

The tally of an image is (C, 2): each class's intersection and its union. That is all that IoU
and Dice need, and the shape in which `faceseg.metrics.boundary` counts outlines: `mean_iou` of those is
the boundary IoU. Leading axes (resamples, seeds, conditions) pass through every function here.

Of other classes than the foreground: `partial(mean_iou, classes=LAPA.eyes)`.
Shapes: C classes, K severities.
"""

from collections.abc import Sequence

import numpy as np

from faceseg.metrics.confusion_matrix import Counts, Fractions, mean_of_defined, ratio
from faceseg.robustness.summary import curve_area
from faceseg.statistics.resampling import Score


def overlap_counts(counts: Counts) -> Counts:
    """Tally confusion matrices: (..., C, C) -> (..., C, 2), intersection and union a class."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.stack([hit, counts.sum(axis=-2) + counts.sum(axis=-1) - hit], axis=-1)


def mean_iou(tallies: Fractions, classes: Sequence[int] | None = None) -> Fractions:
    """Mean IoU of some classes, by default the foreground: (..., C, 2) -> (...).

    A class without a union is left out of the mean; NaN where that leaves none.
    """
    hit, union = _of(tallies, classes)
    return mean_of_defined(ratio(hit, union))


def mean_dice(tallies: Fractions, classes: Sequence[int] | None = None) -> Fractions:
    """Mean Dice of some classes, as `mean_iou`: 2 hits in union + hits."""
    hit, union = _of(tallies, classes)
    return mean_of_defined(ratio(2 * hit, union + hit))


def area_under_curve(tallies: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Area under a score's curve over severity: (..., 1 + K, C, 2) -> (...).

    The first of the 1 + K conditions is the clean one, the others cover `shares` of the face;
    `curve_area` tells how the area is taken. Shares that a split happened to reach on the mean
    are held fixed while its images are resampled.
    Raises ValueError if the shares are not distinct or not as many as the conditions.
    """
    return _curve(tallies, score, shares) @ _area_weights(shares)


def retention(tallies: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Share of the clean score that is kept: `area` over it; NaN where that is 0."""
    curve = _curve(tallies, score, shares)
    return ratio(curve @ _area_weights(shares), curve[..., 0])


def _of(tallies: Fractions, classes: Sequence[int] | None) -> tuple[Fractions, Fractions]:
    """Return intersections and unions of the chosen classes."""
    chosen = list(range(1, tallies.shape[-2]) if classes is None else classes)
    return tallies[..., chosen, 0], tallies[..., chosen, 1]


def _curve(tallies: Fractions, score: Score, shares: Sequence[float]) -> Fractions:
    """Return the score of each condition, (..., 1 + K)."""
    curve = score(tallies)
    if curve.shape[-1:] != (1 + len(shares),):
        raise ValueError(
            f"{len(shares)} shares for tallies of shape {tallies.shape}: expected one condition"
            " more than shares, the clean one first, before the axes of a tally"
        )
    return curve


def _area_weights(shares: Sequence[float]) -> Fractions:
    """Return the weight of each condition's score in the area, which is linear in them."""
    if len(set(shares)) != len(shares):
        raise ValueError(f"shares {list(shares)}: each severity needs a share of its own")
    unit = np.eye(1 + len(shares))
    return np.array([curve_area(dict(zip(shares, row[1:], strict=True)), row[0]) for row in unit])
