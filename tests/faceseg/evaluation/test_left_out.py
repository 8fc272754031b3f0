"""Leaving classes out of the scores: the others keep theirs, and the mean is that of the others."""

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.evaluation.left_out import evaluation_without, mean_iou_without, merge_into_background
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.metrics.confusion_matrix import class_dice, class_iou, class_recall, scores

CLASSES = len(LAPA)
LEFT_OUT = (4, 10)
OTHERS = [each for each in range(1, CLASSES) if each not in LEFT_OUT]
COUNTS = np.random.default_rng(0).integers(1, 50, (3, CLASSES, CLASSES))


@pytest.mark.parametrize("score", [class_iou, class_dice, class_recall])
def test_the_other_classes_keep_their_scores(score):
    merged = merge_into_background(COUNTS, LEFT_OUT)
    np.testing.assert_array_equal(score(merged)[:, OTHERS], score(COUNTS)[:, OTHERS])
    assert np.isnan(score(merged)[:, LEFT_OUT]).all()
    assert (merged.sum(axis=(1, 2)) == COUNTS.sum(axis=(1, 2))).all()


def test_a_mean_is_that_of_the_other_classes():
    evaluated = SplitEvaluation(
        ids=("a", "b", "c"),
        counts=COUNTS,
        boundary=np.tile([[3, 4]], (3, CLASSES, 1)),
        outline=np.ones((3, 2), np.int64),
        calibration=np.ones((2, 15, 3)),
    )
    found = evaluation_without(evaluated, LAPA, LEFT_OUT).scores(LAPA)
    own = scores(COUNTS.sum(axis=0), LAPA)
    expected = np.mean([own[f"iou/{LAPA.names[each]}"] for each in OTHERS])
    assert found["iou"] == pytest.approx(expected)
    assert found["classes_averaged"] == len(OTHERS)
    assert found["boundary_iou"] == 0.75
    ious = class_iou(COUNTS.sum(axis=0))
    assert mean_iou_without(ious, LEFT_OUT) == pytest.approx(expected)
    assert mean_iou_without(ious, ()) == own["iou"]
