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
    difference,
    estimate,
    interval,
    verdict,
)
from faceseg.statistics.measured import Measured, measure
from faceseg.statistics.resampling import Resampling, Score
from faceseg.statistics.scores import area, mean_dice, mean_iou, overlaps, retention
from faceseg.statistics.signed_rank import SignedRank, holm, signed_rank

__all__ = [
    "Estimate",
    "Measured",
    "Resampling",
    "Score",
    "SignedRank",
    "Verdict",
    "area",
    "difference",
    "estimate",
    "holm",
    "interval",
    "mean_dice",
    "mean_iou",
    "measure",
    "overlaps",
    "retention",
    "signed_rank",
    "verdict",
]
