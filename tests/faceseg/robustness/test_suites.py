"""Evaluation of all suites with predictors whose predictions are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.split import Split
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.metrics.confusion_matrix import confusion
from faceseg.robustness.geometry import moves_for, severities
from faceseg.robustness.suites import CLEAN, CORRUPTION, GEOMETRY, SUITES, Suite
from faceseg.robustness.tables import score_table
from tests.faceseg.function_networks import decode_labels, encode_labels, predictor_of

SIZE = 64
Labels = NDArray[np.uint8]


@pytest.fixture
def faces(face: Callable[..., Labels]) -> list[Labels]:
    return [face(SIZE), face(SIZE, tilt=True)]


@pytest.fixture
def split(faces: list[Labels], write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    pairs = [(encode_labels(labels), labels) for labels in faces]
    return write_pack(tmp_path, "val", pairs, (SIZE, SIZE))


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_every_suite_gives_a_table_with_the_same_columns(suite: Suite, split: Split) -> None:
    kinds = suite.kinds(LAPA)
    conditions = evaluate_suite(predictor_of(decode_labels, SIZE), split, suite, kinds, limit=2)
    rows = score_table(conditions, LAPA)
    steps = [(CLEAN, 0.0), *((kind, each) for kind in kinds for each in suite.severities(kind))]
    found = rows.drop_duplicates(["kind", "severity"])
    assert list(zip(found.kind, found.severity, strict=True)) == steps
    assert rows.policy.tolist() == len(steps) * list(suite.policies)
    assert (rows.suite == suite.version).all()
    assert (rows.images == 2).all()
    clean = rows[rows.kind == CLEAN]
    assert (clean.iou == 1).all()
    assert (clean.retention == 1).all()
    assert all(
        each.counts[policy].dtype == np.int32 for each in conditions for policy in each.counts
    )


@pytest.mark.parametrize("suite", [CORRUPTION, GEOMETRY], ids=["cor-v1", "geo-v1"])
def test_batch_size_and_threads_do_not_change_the_counts(suite: Suite, split: Split) -> None:
    predictor, kinds = predictor_of(lambda image: image[..., 0] // 26, SIZE), suite.kinds(LAPA)
    usual = evaluate_suite(predictor, split, suite, kinds, limit=2, threads=1, batch_size=8)
    other = evaluate_suite(predictor, split, suite, kinds, limit=2, threads=4, batch_size=1)
    for one, same in zip(usual, other, strict=True):
        for policy in suite.policies:
            np.testing.assert_array_equal(one.counts[policy], same.counts[policy])


def test_a_corrupted_picture_keeps_its_labels(split: Split, faces: list[Labels]) -> None:
    fixed = predictor_of(lambda image: faces[0], SIZE)
    clean, *others = evaluate_suite(fixed, split, CORRUPTION, ("jpeg", "grey"), limit=2)
    assert clean.total("truth").trace() < SIZE * SIZE * 2
    for condition in others:
        np.testing.assert_array_equal(condition.counts["truth"], clean.counts["truth"])
        assert condition.share == condition.severity
        assert condition.covered is None
        assert not condition.coverage.any()


def test_labels_move_with_the_picture(split: Split) -> None:
    # A predictor that decodes the labels from the pixels is right if whole pixels are moved.
    rows = score_table(
        evaluate_suite(predictor_of(decode_labels, SIZE), split, GEOMETRY, ("shift",), 2), LAPA
    )
    assert (rows[["iou", "recall"]] == 1).all(axis=None)


def test_a_predictor_that_decodes_pixels_exchanges_left_and_right_under_a_flip(
    split: Split,
) -> None:
    # The pixels of brows and eyes encode their old ids, so 4 of 10 classes are wrong.
    rows = score_table(
        evaluate_suite(predictor_of(decode_labels, SIZE), split, GEOMETRY, ("flip",), 2), LAPA
    )
    assert rows[rows.kind == "flip"].iou.tolist() == [0.6, 0.6]


def test_agreement_is_with_the_moved_prediction_of_the_clean_picture(
    split: Split, faces: list[Labels]
) -> None:
    fixed = faces[1]
    constant = predictor_of(lambda image: fixed, SIZE)
    conditions = evaluate_suite(constant, split, GEOMETRY, ("roll",), limit=2)[1:]
    for index, (labels, name) in enumerate(zip(faces, split.ids, strict=True)):
        moved = [move.labels(fixed) for move in moves_for(labels, name, "roll", LAPA)]
        for condition, first in zip(conditions, moved, strict=True):
            assert (first == IGNORE).any()
            np.testing.assert_array_equal(
                condition.counts["agreement"][index], confusion(first, fixed, 11)
            )
    assert [each.severity for each in conditions] == list(severities("roll"))
