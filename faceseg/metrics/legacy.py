"""The reference study's own formulas, kept so that its published table can be reproduced.

They do not measure what their names suggest: `legacy_iou` is pixel accuracy, `legacy_dice` is
twice that, and precision and recall divide background hits by foreground pixels and so have no
bound (the study printed a Dice of 1.96 and a precision of 3.2). Never choose a model by them;
`faceseg.metrics.confusion_matrix` has the correct ones.

Each function takes a confusion matrix (C, C), rows the truth, columns the prediction. All of the
study's sums over flattened label maps t (truth) and p (prediction) can be computed from it.
Source: Facial-Parts-Segmentation-with-Deep-Learning (Youness Boumlik), its notebook.
"""

import math

import numpy as np

from faceseg.metrics.confusion_matrix import Counts


def legacy_iou(counts: Counts) -> float:
    """Return #(t == p) / #pixels, which is pixel accuracy; NaN without pixels."""
    return _divide(_hits(counts), int(counts.sum()))


def legacy_dice(counts: Counts) -> float:
    """Return 2 #(t == p) / #pixels, twice pixel accuracy, so up to 2; NaN without pixels."""
    return _divide(2 * _hits(counts), int(counts.sum()))


def legacy_precision(counts: Counts) -> float:
    """Return #(t == p) / #(p > 0), unbounded; NaN if no foreground is predicted."""
    return _divide(_hits(counts), int(counts[:, 1:].sum()))


def legacy_recall(counts: Counts) -> float:
    """Return #(t == p) / #(t > 0), unbounded; NaN if the truth has no foreground."""
    return _divide(_hits(counts), int(counts[1:].sum()))


def legacy_rmse(counts: Counts) -> float:
    """Return the root of the mean squared difference of class ids, which has no meaning."""
    ids = np.arange(len(counts))
    squared = (ids[:, None] - ids) ** 2
    return math.sqrt(_divide(int((squared * counts).sum()), int(counts.sum())))


def _hits(counts: Counts) -> int:
    return int(np.trace(counts))


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
