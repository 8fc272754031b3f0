"""Records without some classes: what they give if a network does not have these classes.

A class that is left out counts as background, in the truth and in the prediction. The IoU, Dice,
precision and recall of every other foreground class stay the same. The class itself occurs nowhere
any more, so no mean contains it.

Shapes: N images, C classes.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.metrics.confusion_matrix import Fractions, mean_of_defined
from faceseg.robustness.conditions import Condition

Integers = TypeVar("Integers", np.int32, np.int64)


def merge_into_background(
    counts: NDArray[Integers], left_out: Collection[int]
) -> NDArray[Integers]:
    """Return confusion matrices (..., C, C) in which some classes are background.

    Example:
        >>> merge_into_background(np.array([[5, 0, 1], [0, 4, 2], [3, 0, 6]]), [2])
        array([[15,  0,  0],
               [ 2,  4,  0],
               [ 0,  0,  0]])
    """
    merged = counts.copy()
    for each in sorted(left_out):
        merged[..., 0, :] += merged[..., each, :]
        merged[..., each, :] = 0
        merged[..., :, 0] += merged[..., :, each]
        merged[..., :, each] = 0
    return merged


def mean_iou_without(ious: Fractions, left_out: Collection[int]) -> float:
    """Return the mean of the foreground classes' IoU (C,) without some of them."""
    numbers = np.arange(1, len(ious))
    kept = np.where(np.isin(numbers, list(left_out)), np.nan, ious[1:])
    return float(mean_of_defined(kept))


def evaluation_without(
    tested: SplitEvaluation, classes: ClassSet, left_out: Collection[int]
) -> SplitEvaluation:
    """Return the evaluation of a split without some classes.

    Calibration and the length of outlines are those of all classes; the jawline ends at the ears,
    so it is not measured without them.
    """
    boundary = tested.boundary.copy()
    boundary[:, sorted(left_out)] = 0
    ears = set(left_out) & set(classes.ears)
    return replace(
        tested,
        counts=merge_into_background(tested.counts, left_out),
        boundary=boundary,
        jawline=None if ears else tested.jawline,
    )


def condition_without(condition: Condition, left_out: Collection[int]) -> Condition:
    """Return a condition without some classes."""
    covered = condition.covered
    return replace(
        condition,
        counts={
            policy: merge_into_background(counts, left_out)
            for policy, counts in condition.counts.items()
        },
        covered=None if covered is None else merge_into_background(covered, left_out),
    )


def records_without(
    records: EvaluationRecords,
    classes: ClassSet,
    left_out: Collection[int],
    baseline_iou: float,
) -> EvaluationRecords:
    """Return the records of a model without some classes.

    Args:
        records: The records of all classes.
        classes: The classes.
        left_out: Ids of foreground classes.
        baseline_iou: The IoU of the mean label map without these classes.
    """
    tested = records.tested
    return replace(
        records,
        conditions=tuple(condition_without(each, left_out) for each in records.conditions),
        baseline_iou=baseline_iou,
        tested=tested and evaluation_without(tested, classes, left_out),
    )
