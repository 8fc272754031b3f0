"""The occlusion table for predictors whose answers are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from faceseg.classes import LAPA
from faceseg.data.split import Split
from faceseg.metrics import class_iou
from faceseg.predictor import Predictor
from faceseg.robustness.evaluation import CLEAN, evaluate_occlusion, table
from faceseg.robustness.occlusion import occlude, severities

SIZE = 64
Labels = NDArray[np.uint8]
Pixels = NDArray[np.uint8]


class Fake:
    """A network that is a function of one image, answering with labels."""

    def __init__(self, answer: Callable[[Pixels], Labels]) -> None:
        self.input_shape = (None, SIZE, SIZE, 3)
        self.answer = answer

    def predict_on_batch(self, images: Pixels) -> NDArray[np.float32]:
        return np.stack([np.eye(11, dtype=np.float32)[self.answer(each)] for each in images])


def paint(labels: Labels) -> Pixels:
    """Write the labels into the image: red tells the id, green and blue that it is one."""
    return np.stack([20 * labels, np.full_like(labels, 3), np.full_like(labels, 251)], axis=-1)


def seen(image: Pixels, covered: int = 0) -> Labels:
    """Read the labels off an image; where something else was painted, answer `covered`."""
    written = (image[..., 0] % 20 == 0) & (image[..., 1] == 3) & (image[..., 2] == 251)
    return np.where(written, image[..., 0] // 20, covered).astype(np.uint8)


@pytest.fixture
def faces(face: Callable[..., Labels]) -> list[Labels]:
    return [face(SIZE), face(SIZE, tilt=True), face(SIZE)[:, ::-1]]


@pytest.fixture
def split(faces: list[Labels], write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    pairs = [(paint(labels), labels) for labels in faces]
    return write_pack(tmp_path, "val", pairs, (SIZE, SIZE))


def tabulate(
    split: Split, answer: Callable[[Pixels], Labels], *kinds: str, limit: int = 99
) -> pd.DataFrame:
    predictor = Predictor(Fake(answer), LAPA)
    return table(evaluate_occlusion(predictor, split, kinds, limit), LAPA)


def test_who_sees_right_under_every_occluder_has_every_score(split: Split) -> None:
    rows = tabulate(split, seen, "gray_square", "blob", "eye_band")
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


def test_the_share_is_the_severity_or_for_steps_what_was_covered(
    split: Split, faces: list[Labels]
) -> None:
    rows = tabulate(split, seen, "gray_square", "eye_band")
    squares = rows[rows.kind == "gray_square"]
    assert squares.share.tolist() == np.repeat(severities("gray_square"), 2).tolist()
    bands = rows[(rows.kind == "eye_band") & (rows.policy == "visible")]
    assert bands.severity.tolist() == [1, 2, 3]
    for step, share in zip(bands.severity, bands.share, strict=True):
        reached = [
            occlude(paint(labels), labels, name, "eye_band", step, LAPA).coverage
            for labels, name in zip(faces, split.ids, strict=True)
        ]
        assert share == pytest.approx(np.mean(reached))


def test_who_sees_through_the_occluder_pays_under_one_policy_only(
    split: Split, faces: list[Labels]
) -> None:
    # The occluded images come in the order of the split, all severities of one at a time.
    answers = iter([*faces, *(labels for labels in faces for _ in severities("blob"))])
    predictor = Predictor(Fake(lambda image: next(answers)), LAPA)
    conditions = evaluate_occlusion(predictor, split, ["blob"], limit=3)
    rows = table(conditions, LAPA)
    unoccluded = rows[rows.policy == "unoccluded"]
    assert (unoccluded.iou == 1).all()
    assert (unoccluded.retention == 1).all()
    visible = rows[rows.policy == "visible"]
    assert (np.diff(visible.iou) < 0).all()
    # The last severity counted apart, over the three images: skin, and what was covered.
    hits = union = covered = covered_face = 0
    for labels, name in zip(faces, split.ids, strict=True):
        mask = occlude(paint(labels), labels, name, "blob", 0.5, LAPA).mask
        hits += np.sum((labels == 1) & ~mask)
        union += np.sum(labels == 1)
        covered += np.sum(mask)
        covered_face += np.sum(mask & (labels >= 1) & (labels <= 9))
    skin = class_iou(conditions[-1].stacked("visible").sum(axis=0))[1]
    assert skin == pytest.approx(hits / union)
    assert visible.hallucination.iloc[-1] == pytest.approx(covered_face / covered)


def test_who_always_says_background_has_nothing_to_retain(split: Split) -> None:
    rows = tabulate(split, lambda image: np.zeros(image.shape[:2], np.uint8), "gray_square")
    assert (rows.iou == 0).all()
    assert rows.retention.isna().all()
    assert (rows[rows.kind != CLEAN].rejection == 1).all()


def test_the_mean_face_cannot_win_by_what_it_keeps(split: Split, faces: list[Labels]) -> None:
    rows = tabulate(split, lambda image: faces[0], "gray_square")
    good = tabulate(split, seen, "gray_square")
    assert (rows.iou < good.iou).all()


def test_strands_are_hair_and_a_picture_without_a_face_does_not_change_that(
    faces: list[Labels], write_pack: Callable[..., Split], tmp_path: Path
) -> None:
    nobody = np.zeros((SIZE, SIZE), np.uint8)
    pairs = [(paint(labels), labels) for labels in (faces[0], nobody)]
    split = write_pack(tmp_path, "val", pairs, (SIZE, SIZE))
    rows = tabulate(split, lambda image: seen(image, covered=10), "strands")
    assert (rows.iou == 1).all()
    assert (rows[rows.kind == "strands"].rejection == 1).all()
    assert (rows[rows.kind == "strands"].hallucination == 0).all()


def test_the_first_images_are_taken_and_batches_change_nothing(split: Split) -> None:
    predictor = Predictor(Fake(seen), LAPA)
    one = evaluate_occlusion(predictor, split, ["patches"], limit=1)
    all_three = evaluate_occlusion(predictor, split, ["patches"], limit=3)
    assert len(one[0].coverage) == 1
    for few, many in zip(one, all_three, strict=True):
        np.testing.assert_array_equal(few.stacked("visible")[0], many.stacked("visible")[0])
        assert few.coverage[0] == many.coverage[0]


def test_a_see_through_square_has_nothing_that_is_covered(split: Split) -> None:
    rows = tabulate(split, seen, "gray_square_translucent")
    shown = rows[rows.kind != CLEAN]
    assert shown[["rejection", "hallucination"]].isna().all(axis=None)
    both = [shown[shown.policy == policy].iou.tolist() for policy in ("visible", "unoccluded")]
    assert both[0] == both[1]
