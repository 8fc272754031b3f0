"""The evidence against a label map, on maps and probabilities that are worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceseg.data.classes import IGNORE, LAPA, ClassSet
from faceseg.evaluation.label_evidence import (
    Labels,
    Probabilities,
    Reference,
    ReferenceCounter,
    confident_joint,
    foreground_iou,
    gather_evidence,
    label_quality,
    missing_parts,
    pair_iou,
    swap_sides,
)
from faceseg.evaluation.label_shift import best_shift, shift_labels
from faceseg.metrics.confusion_matrix import confusion

TWO = ClassSet(names=("background", "skin"), palette=((0, 0, 0), (9, 9, 9)), face=(1,))
LEFT_EYE, RIGHT_EYE, NOSE = 4, 5, 6


def certain(labels: Labels, probability: float = 0.9) -> Probabilities:
    """Return probabilities of LaPa's classes; the given one of the labels, the rest equal."""
    found = np.full((*labels.shape, len(LAPA)), (1 - probability) / (len(LAPA) - 1), np.float32)
    np.put_along_axis(found, labels[..., None].astype(np.intp), np.float32(probability), axis=2)
    return found


def face() -> Labels:
    """Return a face of 32 x 32 pixels with two eyes and a nose."""
    labels = np.zeros((32, 32), dtype=np.uint8)
    labels[6:28, 8:24] = 1
    labels[11:14, 10:14] = LEFT_EYE
    labels[11:14, 18:22] = RIGHT_EYE
    labels[16:21, 14:18] = NOSE
    return labels


def reference() -> Reference:
    counter = ReferenceCounter(LAPA)
    counter.add(face(), certain(face()))
    return counter.reference()


# Two pixels with label 0: probabilities 0.9 and 0.2 of it; one with label 1: 0.6 of it.
LABELS = np.array([[0, 0, 1, IGNORE]], dtype=np.uint8)
GIVEN = np.array([[[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]]], dtype=np.float32)


def test_the_quality_is_the_soft_minimum_worked_by_hand():
    weights = np.exp([-7.0, 0.0, -4.0])  # (0.2 - s) / 0.1 for s = 0.9, 0.2, 0.6
    by_hand = (0.9 * weights[0] + 0.2 * weights[1] + 0.6 * weights[2]) / weights.sum()
    assert label_quality(LABELS, GIVEN) == pytest.approx(by_hand, abs=1e-6)


def test_a_map_of_ignored_pixels_has_full_quality():
    assert label_quality(np.full((2, 2), IGNORE, np.uint8), np.full((2, 2, 2), 0.5)) == 1.0


def test_thresholds_are_mean_self_confidences_and_areas_medians():
    counter = ReferenceCounter(TWO)
    counter.add(LABELS, GIVEN)
    counter.add(np.zeros((1, 4), np.uint8), np.tile(np.float32([1, 0]), (1, 4, 1)))
    found = counter.reference()
    np.testing.assert_allclose(found.thresholds, [(0.9 + 0.2 + 4 * 1.0) / 6, 0.6])
    np.testing.assert_allclose(found.areas, [3, 1])  # of 2 and 4; of 1, in the one image with it


def test_a_class_that_occurs_nowhere_has_no_usual_area():
    assert np.isnan(reference().areas[10])
    assert reference().thresholds[10] == 1.0


def test_the_confident_joint_counts_pixels_that_pass_a_threshold():
    # Thresholds 0.55 and 0.6. The first pixel is confidently 0, the second 1, the third 1.
    joint = confident_joint(LABELS, GIVEN, np.array([0.55, 0.6]))
    np.testing.assert_array_equal(joint, [[1, 1], [0, 1]])
    # With thresholds of 0.85 only the first pixel is confident.
    joint = confident_joint(LABELS, GIVEN, np.array([0.85, 0.85]))
    np.testing.assert_array_equal(joint, [[1, 0], [0, 0]])


def test_exchanged_sides_agree_after_the_exchange():
    counts = confusion(LAPA.flip_table[face()], face(), len(LAPA))
    assert pair_iou(counts, LAPA) == 0
    assert pair_iou(swap_sides(counts, LAPA), LAPA) == 1


def test_a_class_set_without_sides_has_no_pair_iou():
    assert np.isnan(pair_iou(np.eye(2, dtype=np.int64), TWO))


@given(down=st.integers(-4, 4), right=st.integers(-4, 4))
def test_the_shift_that_was_made_is_found_and_undone(down: int, right: int):
    moved = shift_labels(face(), (down, right))
    assert best_shift(moved, face(), LAPA) == (-down, -right)
    np.testing.assert_array_equal(shift_labels(moved, (-down, -right)), face())


@given(seed=st.integers(0, 200))
def test_the_best_shift_has_the_highest_iou_of_all(seed: int):
    """Against the mean IoU of every shift, counted one by one."""
    rng = np.random.default_rng(seed)
    predicted = rng.integers(0, 3, (12, 17)).astype(np.uint8)
    labels = shift_labels(predicted, (1, -2))
    labels[rng.random(labels.shape) < 0.5] = 0
    labels[:2] = labels[-2:] = labels[:, :3] = labels[:, -3:] = 0  # so that no shift loses a pixel
    shifts = [(down, right) for down in range(-2, 3) for right in range(-3, 4)]
    iou = {
        each: foreground_iou(confusion(shift_labels(labels, each), predicted, len(LAPA)))
        for each in shifts
    }
    assert iou[best_shift(labels, predicted, LAPA)] == pytest.approx(max(iou.values()))


def test_a_large_map_is_searched_in_steps():
    large = np.kron(face(), np.ones((10, 10), np.uint8))  # 320 px: every third pixel
    found = best_shift(shift_labels(large, (21, -12)), large, LAPA)
    assert np.abs(np.add(found, (21, -12))).max() <= 1


def test_an_empty_map_is_not_shifted():
    empty = np.zeros((8, 8), np.uint8)
    assert best_shift(empty, empty, LAPA) == (0, 0)


def test_a_part_that_the_labels_lack_is_found_with_its_size():
    labels = np.where(face() == NOSE, 1, face()).astype(np.uint8)
    sizes, pixels = missing_parts(labels, face(), certain(face()), reference())
    assert np.flatnonzero(sizes).tolist() == np.flatnonzero(pixels).tolist() == [NOSE]
    assert pixels[NOSE] == 20
    assert sizes[NOSE] == pytest.approx(0.9 - 0.01, abs=1e-6)  # probabilities of nose and of skin


def test_a_part_counts_as_far_as_the_labels_have_too_little_of_its_class():
    labels = face()
    labels[16:21, 14:18] = 1
    labels[24:26, 10:18] = NOSE  # 16 of the usual 20 pixels, in another place
    sizes, _ = missing_parts(labels, face(), certain(face()), reference())
    assert sizes[NOSE] == pytest.approx(4 / 20 * (0.9 - 0.01), abs=1e-6)
    labels[26, 10:14] = NOSE  # all 20
    assert missing_parts(labels, face(), certain(face()), reference())[0][NOSE] == 0


def test_a_part_that_is_partly_labelled_is_not_missing():
    labels = face()
    labels[17:21, 14:18] = 1  # a fifth of the nose is left
    assert not missing_parts(labels, face(), certain(face()), reference())[0].any()


def test_ignored_pixels_are_no_evidence():
    labels = face()
    labels[labels == NOSE] = IGNORE
    evidence = gather_evidence(labels, certain(face()), reference(), LAPA)
    assert not evidence.missing.any()
    assert evidence.joint.sum() == evidence.counts.sum() == labels.size - 20
