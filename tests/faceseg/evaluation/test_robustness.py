"""The occlusion table of predictors whose predictions are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.split import Split
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.metrics.confusion_matrix import class_iou
from faceseg.robustness.occlusion import KINDS, occlude, severities
from faceseg.robustness.suites import CLEAN, OCCLUSION
from faceseg.robustness.tables import class_iou_table, curves, score_table
from tests.faceseg.function_networks import Predict, decode_labels, encode_labels, predictor_of

SIZE = 64
Labels = NDArray[np.uint8]


@pytest.fixture
def faces(face: Callable[..., Labels]) -> list[Labels]:
    return [face(SIZE), face(SIZE, tilt=True), face(SIZE)[:, ::-1]]


@pytest.fixture
def split(faces: list[Labels], write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    pairs = [(encode_labels(labels), labels) for labels in faces]
    return write_pack(tmp_path, "val", pairs, (SIZE, SIZE))


def tabulate(split: Split, answer: Predict, *kinds: str) -> pd.DataFrame:
    return score_table(
        evaluate_suite(predictor_of(answer, SIZE), split, OCCLUSION, kinds, 99), LAPA
    )


def test_correct_predictions_under_every_occluder_have_the_highest_scores(split: Split) -> None:
    rows = tabulate(split, decode_labels, "gray_square", "blob", "eye_band")
    assert (
        rows.kind.tolist() == [CLEAN] * 2 + ["gray_square"] * 10 + ["blob"] * 10 + ["eye_band"] * 6
    )
    assert rows.policy.tolist() == ["visible", "unoccluded"] * (len(rows) // 2)
    for name in ("iou", "dice", "precision", "recall", "retention"):
        assert (rows[name] == 1).all(), name
    assert (rows.images == 3).all()
    occluded = rows[rows.kind != CLEAN]
    assert (occluded.rejection == 1).all()
    assert (occluded.hallucination == 0).all()
    assert rows[rows.kind == CLEAN][["rejection", "hallucination"]].isna().all(axis=None)


def test_the_share_is_the_severity_or_for_steps_the_covered_share(
    split: Split, faces: list[Labels]
) -> None:
    rows = tabulate(split, decode_labels, "gray_square", "eye_band")
    squares = rows[rows.kind == "gray_square"]
    assert squares.share.tolist() == np.repeat(severities("gray_square"), 2).tolist()
    bands = rows[(rows.kind == "eye_band") & (rows.policy == "visible")]
    assert bands.severity.tolist() == [1, 2, 3]
    for step, share in zip(bands.severity, bands.share, strict=True):
        reached = [
            occlude(encode_labels(labels), labels, name, "eye_band", step, LAPA).coverage
            for labels, name in zip(faces, split.ids, strict=True)
        ]
        assert share == pytest.approx(np.mean(reached))


def test_predicting_through_the_occluder_lowers_one_policy_only(
    split: Split, faces: list[Labels]
) -> None:
    # Images come in the order of the split: each clean, then all severities.
    answers = iter([labels for labels in faces for _ in (0, *severities("blob"))])
    predictor = predictor_of(lambda image: next(answers), SIZE)
    conditions = evaluate_suite(predictor, split, OCCLUSION, ["blob"], limit=3)
    rows = score_table(conditions, LAPA)
    unoccluded = rows[rows.policy == "unoccluded"]
    assert (unoccluded.iou == 1).all()
    assert (unoccluded.retention == 1).all()
    visible = rows[rows.policy == "visible"]
    assert (np.diff(visible.iou) < 0).all()
    # The last severity, counted separately over the three images: skin and covered pixels.
    hits = union = covered = covered_face = 0
    for labels, name in zip(faces, split.ids, strict=True):
        mask = occlude(encode_labels(labels), labels, name, "blob", 0.5, LAPA).mask
        hits += np.sum((labels == 1) & ~mask)
        union += np.sum(labels == 1)
        covered += np.sum(mask)
        covered_face += np.sum(mask & (labels >= 1) & (labels <= 9))
    skin = class_iou(conditions[-1].total("visible"))[1]
    assert skin == pytest.approx(hits / union)
    assert visible.hallucination.iloc[-1] == pytest.approx(covered_face / covered)


def test_constant_background_has_no_retention(split: Split) -> None:
    rows = tabulate(split, lambda image: np.zeros(image.shape[:2], np.uint8), "gray_square")
    assert (rows.iou == 0).all()
    assert rows.retention.isna().all()
    assert (rows[rows.kind != CLEAN].rejection == 1).all()


def test_a_constant_face_is_worse_at_every_severity(split: Split, faces: list[Labels]) -> None:
    rows = tabulate(split, lambda image: faces[0], "gray_square")
    good = tabulate(split, decode_labels, "gray_square")
    assert (rows.iou < good.iou).all()


def test_strands_are_hair_also_beside_a_picture_without_a_face(
    faces: list[Labels], write_pack: Callable[..., Split], tmp_path: Path
) -> None:
    nobody = np.zeros((SIZE, SIZE), np.uint8)
    pairs = [(encode_labels(labels), labels) for labels in (faces[0], nobody)]
    split = write_pack(tmp_path, "val", pairs, (SIZE, SIZE))
    rows = tabulate(split, lambda image: decode_labels(image, covered=10), "strands")
    assert (rows.iou == 1).all()
    assert (rows[rows.kind == "strands"].rejection == 1).all()
    assert (rows[rows.kind == "strands"].hallucination == 0).all()


def test_the_first_images_are_used_and_batches_and_threads_change_nothing(
    split: Split,
) -> None:
    predictor = predictor_of(decode_labels, SIZE)
    one = evaluate_suite(predictor, split, OCCLUSION, KINDS, limit=1)
    usual = evaluate_suite(predictor, split, OCCLUSION, KINDS, limit=3, threads=1, batch_size=8)
    other = evaluate_suite(predictor, split, OCCLUSION, KINDS, limit=3, threads=4, batch_size=1)
    assert len(one) == len(usual) == 1 + 5 * 5 + 2 * 3
    for few, many, same in zip(one, usual, other, strict=True):
        for policy in OCCLUSION.policies:
            np.testing.assert_array_equal(few.counts[policy][0], many.counts[policy][0])
            np.testing.assert_array_equal(many.counts[policy], same.counts[policy])
        np.testing.assert_array_equal(few.coverage[0], many.coverage[0])
        np.testing.assert_array_equal(many.coverage, same.coverage)
        np.testing.assert_equal(many.covered, same.covered)


def test_a_translucent_square_covers_nothing(split: Split) -> None:
    rows = tabulate(split, decode_labels, "gray_square_translucent")
    shown = rows[rows.kind != CLEAN]
    assert shown[["rejection", "hallucination"]].isna().all(axis=None)
    both = [shown[shown.policy == policy].iou.tolist() for policy in ("visible", "unoccluded")]
    assert both[0] == both[1]


def test_the_class_table_uses_the_severity_nearest_to_a_fifth(split: Split) -> None:
    conditions = evaluate_suite(
        predictor_of(decode_labels, SIZE), split, OCCLUSION, ["hand", "eye_band"], 3
    )
    # Under `unoccluded` the pixels beside the occluder are scored: all are right, or none is left.
    found = class_iou_table(conditions, LAPA, "unoccluded")
    assert found.columns.tolist() == [CLEAN, "hand", "eye_band"]
    assert found.index.tolist() == list(LAPA.names)
    assert found.loc[["left_eye", "right_eye"], "eye_band"].isna().all()
    assert (found.drop(index=["left_eye", "right_eye"]) == 1).all(axis=None)
    only = [each for each in conditions if each.kind != "hand" or each.severity == 0.2]
    pd.testing.assert_frame_equal(class_iou_table(only, LAPA, "unoccluded"), found)


def test_curves_are_of_one_policy_of_one_suite(split: Split) -> None:
    rows = tabulate(split, decode_labels, "blob", "eye_band")
    found, clean = curves(rows, "visible")
    assert clean == 1
    assert list(found) == ["blob", "eye_band"]
    assert list(found["blob"]) == list(severities("blob"))
    assert list(found["eye_band"]) == rows[rows.kind == "eye_band"].share.unique().tolist()
    with pytest.raises(ValueError, match="policies here are unoccluded, visible"):
        curves(rows, "truth")
