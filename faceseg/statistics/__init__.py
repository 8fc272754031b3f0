"""How sure a score or a difference is: photographs resampled, training noise, tests by rank.

Every score is a plain function of tallies summed over images, so that one resampling serves
them all: mean IoU and Dice of any classes, boundary IoU, retention under occlusion.

    resampling = Resampling(split.photos)
    unet = measure(overlaps(unet_counts), mean_iou, resampling)      # counts (S, N, C, C)
    pspnet = measure(overlaps(pspnet_counts), mean_iou, resampling)
    found = difference(unet, pspnet)
    verdict(found, margin=0.01)    # 'supported', 'contradicted' or 'undecided'
"""

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
    "estimate",
    "estimate_difference",
    "holm_correction",
    "mean_dice",
    "mean_iou",
    "overlap_counts",
    "percentile_interval",
    "resample_score",
    "retention",
    "signed_rank_test",
    "verdict",
]
