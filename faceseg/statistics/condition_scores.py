"""Scores under the conditions of a robustness suite, for each kind and averaged over the kinds.

The promotion gate and the comparison both use these functions, so a number means the same in
both. Shapes: N images, K conditions (the clean one first), C classes, F kinds.
"""

from collections.abc import Sequence

import numpy as np

from faceseg.metrics.confusion_matrix import Counts, Fractions, ratio
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import CLEAN
from faceseg.statistics.score_functions import (
    area_under_curve,
    mean_iou,
    overlap_counts,
    retention,
)


def condition_overlap_counts(
    conditions: Sequence[Condition], policy: str, images: int | None = None
) -> Counts:
    """Return the counts of each condition's images for `kind_scores`.

    Args:
        conditions: K conditions over the same images.
        policy: The labelling policy to score by, one of the suite's `policies`.
        images: Use only the first images, this many; None uses all of them.

    Returns:
        Intersections and unions of each class, int64, shape (N, K, C, 2).
    """
    matrices = [each.counts[policy][:images].astype(np.int64) for each in conditions]
    return np.stack([overlap_counts(each) for each in matrices], axis=1)


def kind_scores(
    counts: Fractions,
    conditions: Sequence[Condition],
    kinds: Sequence[str],
    *,
    by_share: bool,
    relative: bool = False,
) -> Fractions:
    """Return the foreground IoU under each kind, and its mean over the kinds.

    An undefined score (NaN) at one severity makes its kind and the mean NaN, as in
    `faceseg.robustness.summary`.

    Args:
        counts: Counts of `condition_overlap_counts` summed over images, shape (..., K, C, 2);
            leading axes are kept.
        conditions: The K conditions, the clean one first.
        kinds: The F kinds to score.
        by_share: Severities are shares of the face (`Suite.by_share`): take the area under the
            curve of IoU over the share. Otherwise take the plain mean over severities.
        relative: Divide each score by the clean IoU; NaN where that is 0 or undefined.

    Returns:
        One score a kind, in the order of `kinds`, then their mean, shape (..., F + 1).

    Raises:
        ValueError: The first condition is not the clean one.
    """
    if conditions[0].kind != CLEAN:
        raise ValueError(f"the first condition is {conditions[0].kind!r}: expected {CLEAN!r}")
    scores = [
        _kind_score(counts, conditions, kind, by_share=by_share, relative=relative)
        for kind in kinds
    ]
    # A mean over a list adds kind after kind, as `RobustnessSummary.mean_iou` does;
    # a mean over the last axis may add eight kinds or more in another order.
    return np.stack([*scores, np.mean(scores, axis=0)], axis=-1)


def _kind_score(
    counts: Fractions,
    conditions: Sequence[Condition],
    kind: str,
    *,
    by_share: bool,
    relative: bool,
) -> Fractions:
    indices = [index for index, each in enumerate(conditions) if each.kind == kind]
    with_clean = counts[..., [0, *indices], :, :]
    if by_share:
        curve_score = retention if relative else area_under_curve
        return curve_score(with_clean, mean_iou, [conditions[index].share for index in indices])
    scores = mean_iou(with_clean)
    mean: Fractions = scores[..., 1:].mean(axis=-1)
    return ratio(mean, scores[..., 0]) if relative else mean
