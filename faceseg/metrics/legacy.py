"""The reference study's own formulas, kept so that its published table can be redone.

They do not measure what their names say: `legacy_iou` is pixel accuracy, `legacy_dice`
twice that, and precision and recall count background hits over foreground pixels and so
have no bound (the study printed a Dice of 1.96 and a precision of 3.2). Never choose a
model by them; `faceseg.metrics.confusion_matrix` has the true ones.

Each takes a confusion matrix (C, C), rows the truth, columns the prediction, in which the
study's sums over flattened label maps t (truth) and p (prediction) all stand.
Source: Facial-Parts-Segmentation-with-Deep-Learning (Youness Boumlik), its notebook.
"""

import math

import numpy as np

from faceseg.metrics.confusion_matrix import Counts


def legacy_iou(counts: Counts) -> float:
    """#(t == p) / #pixels, which is pixel accuracy; NaN without pixels."""
    return _divide(_hits(counts), int(counts.sum()))


def legacy_dice(counts: Counts) -> float:
    """2 #(t == p) / #pixels, twice pixel accuracy, so up to 2; NaN without pixels."""
    return _divide(2 * _hits(counts), int(counts.sum()))


def legacy_precision(counts: Counts) -> float:
    """#(t == p) / #(p > 0), unbounded; NaN where no foreground is predicted."""
    return _divide(_hits(counts), int(counts[:, 1:].sum()))


def legacy_recall(counts: Counts) -> float:
    """#(t == p) / #(t > 0), unbounded; NaN where the truth has no foreground."""
    return _divide(_hits(counts), int(counts[1:].sum()))


def legacy_rmse(counts: Counts) -> float:
    """Root of the mean squared difference of class ids, which are names: no meaning."""
    ids = np.arange(len(counts))
    squared = (ids[:, None] - ids) ** 2
    return math.sqrt(_divide(int((squared * counts).sum()), int(counts.sum())))


def _hits(counts: Counts) -> int:
    return int(np.trace(counts))


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
