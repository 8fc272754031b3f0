"""The ranking of label maps: a planted error rises, with its reason, on hand-made probabilities."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceseg.data.classes import LAPA, ClassSet
from faceseg.evaluation.label_audit import (
    DIFFERS,
    MISSING,
    OTHER,
    REASONS,
    SHIFTED,
    SWAPPED,
    EvidenceTable,
    confident_disagreement,
    rank_labels,
)
from faceseg.evaluation.label_evidence import (
    Labels,
    Probabilities,
    ReferenceCounter,
    gather_evidence,
)
from faceseg.evaluation.label_shift import shift_labels

SIDE, COUNT = 48, 24
NOSE = 6


def face(number: int) -> Labels:
    """Return a face; every number has another size and place."""
    rng = np.random.default_rng(number)
    height, width = 20 + int(rng.integers(0, 8)), 16 + int(rng.integers(0, 8))
    labels = np.zeros((SIDE, SIDE), dtype=np.uint8)
    top, left = int(rng.integers(2, SIDE - height - 2)), int(rng.integers(2, SIDE - width - 2))
    part = labels[top : top + height, left : left + width]
    part[:] = 1
    part[4:7, 2:6], part[4:7, width - 6 : width - 2] = 4, 5
    part[8:13, width // 2 - 2 : width // 2 + 2] = NOSE
    part[15:17, 4 : width - 4], part[17:19, 4 : width - 4] = 7, 9
    return labels


def predicted(labels: Labels, number: int) -> Probabilities:
    """Return noisy probabilities that favour the labels."""
    rng = np.random.default_rng(1000 + number)
    found = rng.random((SIDE, SIDE, len(LAPA))).astype(np.float32)
    found += 6 * np.eye(len(LAPA), dtype=np.float32)[labels]
    shifted = np.exp(found)
    return shifted / shifted.sum(axis=2, keepdims=True)


TRUE = [face(number) for number in range(COUNT)]
ERRORS: dict[str, Callable[[int], Labels]] = {
    SWAPPED: lambda index: LAPA.flip_table[TRUE[index]],
    MISSING: lambda index: np.where(TRUE[index] == NOSE, np.uint8(1), TRUE[index]),
    OTHER: lambda index: np.ascontiguousarray(face(500)[::-1, ::-1]),
    SHIFTED: lambda index: shift_labels(TRUE[index], (3, -4)),
}


@cache
def probabilities() -> list[Probabilities]:
    return [predicted(labels, number) for number, labels in enumerate(TRUE)]


def evidence_of(given: list[Labels], classes: ClassSet = LAPA) -> EvidenceTable:
    counter = ReferenceCounter(classes)
    pairs = list(zip(given, probabilities(), strict=True))
    for labels, found in pairs:
        counter.add(labels, found)
    reference = counter.reference()
    return EvidenceTable.of([gather_evidence(*pair, reference, classes) for pair in pairs])


def place_of(index: int, given: list[Labels]) -> tuple[int, str]:
    """Return the place of an image in the ranking, from 0, and the reason."""
    ranking = rank_labels(evidence_of(given), LAPA, (SIDE, SIDE))
    assert sorted(each.index for each in ranking) == list(range(len(given)))
    (found,) = (place for place, each in enumerate(ranking) if each.index == index)
    return found, ranking[found].reason


@settings(max_examples=20)
@given(index=st.integers(0, COUNT - 1), error=st.sampled_from(list(ERRORS)))
def test_a_planted_error_rises_to_the_first_place_with_its_reason(index: int, error: str):
    wrong = [*TRUE]
    wrong[index] = ERRORS[error](index)
    assert place_of(index, wrong) == (0, error)


def test_several_errors_of_different_kinds_are_all_first():
    wrong = [*TRUE]
    for index, make in enumerate(ERRORS.values()):
        wrong[index] = make(index)
    ranking = rank_labels(evidence_of(wrong), LAPA, (SIDE, SIDE))
    assert {each.index: each.reason for each in ranking[:4]} == dict(enumerate(ERRORS))
    assert ranking[3].score > 3 * ranking[4].score


def test_the_details_have_figures():
    wrong = [*TRUE]
    wrong[0], wrong[1] = ERRORS[SHIFTED](0), ERRORS[MISSING](1)
    ranking = rank_labels(evidence_of(wrong), LAPA, (SIDE, SIDE))
    details = {each.reason: each.details for each in ranking[:2]}
    # Moved by 3 of 48 pixels down and 4 to the left; undone by the opposite.
    assert "after moving the labels 6 % up and 8 % right 1.00." in details[SHIFTED]
    assert details[MISSING] == "nose: 20 pixels found, 0 labelled."


def test_a_small_part_counts_less_than_a_large_one():
    """The nose has 20 pixels, the left eye 12; both are missing completely."""
    eye = [np.where(TRUE[0] == 4, np.uint8(1), TRUE[0]), *TRUE[1:]]
    nose = [ERRORS[MISSING](0), *TRUE[1:]]
    scores = [rank_labels(evidence_of(given), LAPA, (SIDE, SIDE))[0].score for given in (eye, nose)]
    ratio = (12 / (12 + 4)) / (20 / (20 + 4))
    assert scores[0] / scores[1] == pytest.approx(ratio, rel=0.05)


def test_labels_that_all_agree_have_scores_near_zero():
    ranking = rank_labels(evidence_of(TRUE), LAPA, (SIDE, SIDE))
    assert max(each.score for each in ranking) < 0.05
    assert {each.reason for each in ranking} <= {DIFFERS, MISSING}


def test_a_class_with_other_borders_differs():
    wrong = [*TRUE]
    half = np.arange(SIDE) < np.median(np.nonzero(TRUE[3] == 9)[1])
    wrong[3] = np.where((TRUE[3] == 9) & half, np.uint8(7), TRUE[3])
    first, *_ = rank_labels(evidence_of(wrong), LAPA, (SIDE, SIDE))
    assert (first.index, first.reason) == (3, DIFFERS)
    assert first.details.startswith("upper lip: ")
    assert first.details.endswith("most in lower lip.")


def test_hidden_small_parts_are_not_the_labels_of_another_image():
    """The network misses all small parts, so the mean IoU is low, but the skin agrees."""
    index = 5
    skin = np.where(TRUE[index] > 1, np.uint8(1), TRUE[index])
    evidence = evidence_of(TRUE)
    reference = ReferenceCounter(LAPA)
    reference.add(TRUE[index], probabilities()[index])
    found = gather_evidence(TRUE[index], predicted(skin, 0), reference.reference(), LAPA)
    others = evidence.take(np.delete(np.arange(COUNT), index))
    first, *_ = rank_labels(EvidenceTable.joined([EvidenceTable.of([found]), others]), LAPA, (1, 1))
    assert found.iou < 0.2
    assert (first.index, first.reason) == (0, DIFFERS)


def test_confident_disagreement_is_a_mean_over_labels_worked_by_hand():
    # Label 0: 1 of 4 confident pixels is elsewhere; label 1: 1 of 2; label 2 has none.
    joint = np.array([[[3, 1, 0], [0, 1, 1], [0, 0, 0]], np.zeros((3, 3))], dtype=np.int64)
    np.testing.assert_allclose(confident_disagreement(joint), [(1 / 4 + 1 / 2) / 2, 0])


@pytest.mark.parametrize("pairs", [(), ((2, 3),)], ids=["no sides", "sides that no face has"])
def test_without_sides_there_is_no_such_reason(pairs: tuple[tuple[int, int], ...]):
    classes = LAPA.model_copy(update={"pairs": pairs})
    wrong = [LAPA.flip_table[TRUE[0]], *TRUE[1:]]
    first, *others = rank_labels(evidence_of(wrong, classes), classes, (SIDE, SIDE))
    assert first.index == 0
    assert SWAPPED not in {each.reason for each in (first, *others)}


@pytest.mark.parametrize("fill", [0, 255])
def test_an_empty_map_is_ranked(fill: int):
    given = [np.full((SIDE, SIDE), fill, np.uint8), *TRUE[1:]]
    ranking = rank_labels(evidence_of(given), LAPA, (SIDE, SIDE))
    assert all(np.isfinite(each.score) and each.reason in REASONS for each in ranking)
    if fill == 0:
        assert ranking[0].index == 0


def test_a_table_is_restored_from_its_arrays():
    table = evidence_of(TRUE)
    first, second = table.take(np.arange(10)), table.take(np.arange(10, COUNT))
    joined = EvidenceTable.joined([first, EvidenceTable.from_arrays(second.arrays())])
    for name, array in table.arrays().items():
        np.testing.assert_array_equal(joined.arrays()[name], array)
