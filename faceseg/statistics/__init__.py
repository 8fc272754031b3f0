"""The uncertainty of scores and differences: bootstrap over photographs, training noise, rank test.

The scores themselves are in `metrics`; the tables and hypotheses of a study are in `pipelines`.

Every score is a function of counts summed over images, so one resampling serves all of them: mean
IoU and Dice of any classes, boundary IoU, retention under occlusion.

Example:
    >>> resampling = Resampling(split.photos)
    >>> unet = resample_score(overlap_counts(unet_counts), mean_iou, resampling)  # (S, N, C, C)
    >>> pspnet = resample_score(overlap_counts(pspnet_counts), mean_iou, resampling)
    >>> verdict(estimate_difference(unet, pspnet), margin=0.01)
    'undecided'
"""

from faceseg.statistics.condition_scores import condition_overlap_counts, kind_scores
from faceseg.statistics.estimates import (
    Estimate,
    Verdict,
    estimate,
    estimate_difference,
    percentile_interval,
    verdict,
)
from faceseg.statistics.resampling import ResampledScore, Resampling, Score, resample_score
from faceseg.statistics.score_functions import (
    area_under_curve,
    mean_dice,
    mean_iou,
    overlap_counts,
    retention,
)
from faceseg.statistics.signed_rank import SignedRankResult, holm_correction, signed_rank_test

__all__ = [
    "Estimate",
    "ResampledScore",
    "Resampling",
    "Score",
    "SignedRankResult",
    "Verdict",
    "area_under_curve",
    "condition_overlap_counts",
    "estimate",
    "estimate_difference",
    "holm_correction",
    "kind_scores",
    "mean_dice",
    "mean_iou",
    "overlap_counts",
    "percentile_interval",
    "resample_score",
    "retention",
    "signed_rank_test",
    "verdict",
]
