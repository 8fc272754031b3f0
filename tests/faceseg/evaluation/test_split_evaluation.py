"""Scores of a predictor with known predictions against hand counts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.evaluation.batched_logits import batched_logits
from faceseg.evaluation.split_evaluation import evaluate_split
from faceseg.inference.ensemble import ensemble_predictor
from faceseg.inference.predictor import Predictor

THREE = ClassSet(
    names=("background", "skin", "hair"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    face=(1,),
    small=(2,),
    hair=2,
)
SURE = np.log(
    np.array([0.05, 0.05, 0.9], dtype=np.float32)
)  # the predicted class has 0.9, the two others 0.05
Labels = NDArray[np.uint8]


class RedChannelNetwork:
    """A network whose prediction is encoded in the red channel: 0, 100 or 200."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.input_shape = (None, *size, 3)
        self.batches: list[int] = []
        self.compiles_each_size = False

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(images))
        labels = np.rint(images[..., 0] / 100).astype(int)
        return np.where(np.eye(3)[labels] > 0, SURE[2], SURE[0]).astype(np.float32)


def paint(labels: Labels) -> NDArray[np.uint8]:
    return np.repeat(100 * labels[..., None], 3, axis=2)


# Three images of 4 x 4. The first has skin on the left half, and one more column is predicted.
HALF = np.repeat(np.uint8([[1, 1, 0, 0]]), 4, axis=0)
WIDER = np.repeat(np.uint8([[1, 1, 1, 0]]), 4, axis=0)
# The second is predicted right, with hair above; the third is background, predicted as hair.
HAIR = np.repeat(np.uint8([[2], [1], [1], [0]]), 4, axis=1)
NONE, ALL_HAIR = np.zeros((4, 4), np.uint8), np.full((4, 4), 2, np.uint8)
TRUTHS, PREDICTIONS = (HALF, HAIR, NONE), (WIDER, HAIR, ALL_HAIR)


@pytest.fixture
def split(write_pack: Callable[..., Split], tmp_path: Path) -> Split:
    pairs = [
        (paint(predicted), truth) for predicted, truth in zip(PREDICTIONS, TRUTHS, strict=True)
    ]
    return write_pack(tmp_path, "val", pairs, (4, 4))


@pytest.fixture
def predictor() -> Any:
    return Predictor(RedChannelNetwork((4, 4)), THREE)


def test_the_matrices_match_the_hand_count(predictor: Any, split: Split) -> None:
    found = evaluate_split(predictor, split)
    assert found.ids == ("val0", "val1", "val2")
    np.testing.assert_array_equal(
        found.counts,
        [
            [[4, 4, 0], [0, 8, 0], [0, 0, 0]],
            [[4, 0, 0], [0, 8, 0], [0, 0, 4]],
            [[0, 0, 16], [0, 0, 0], [0, 0, 0]],
        ],
    )


def test_the_scores_match_the_hand_count(predictor: Any, split: Split) -> None:
    scores = evaluate_split(predictor, split).scores(THREE)
    # Skin: 16 hits in 20. Hair: 4 hits, 16 false. Background: 8 hits, 20 missed.
    assert scores["iou/skin"] == pytest.approx(16 / 20)
    assert scores["iou/hair"] == pytest.approx(4 / 20)
    assert scores["iou"] == pytest.approx(0.5)
    assert scores["iou_with_background"] == pytest.approx((0.8 + 0.2 + 8 / 28) / 3)
    assert scores["pixel_accuracy"] == pytest.approx(28 / 48)
    # By image: skin 8/12; skin and hair 1; the third has no foreground in its truth.
    assert scores["iou_per_image"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["iou_worst_tenth"] == pytest.approx(2 / 3)
    # Two images have no hair; 16 pixels of hair are predicted in one of them. One has no skin.
    assert scores["false_presence/hair"] == pytest.approx(1 / 2)
    assert scores["false_presence/skin"] == 0
    # 28 of 48 pixels right, all with confidence 0.9; of the 24 foreground ones all are right.
    assert scores["calibration_error"] == pytest.approx(0.9 - 28 / 48)
    assert scores["calibration_error_foreground"] == pytest.approx(1 - 0.9)


def test_the_boundary_has_the_images_own_distance(predictor: Any, split: Split) -> None:
    found = evaluate_split(predictor, split)
    # 4 x 4 pixels: the boundary is one pixel wide. Skin, image 1: the truth's 8 pixels are all
    # boundary, and of the prediction's 12 all but the 2 surrounded by skin: 6 of 12. Image 2:
    # 8 of 8. Hair, image 2: 4 of 4; image 3: the rim of a 4 x 4 square, 12, and none in the truth.
    np.testing.assert_array_equal(found.boundary[:, 1], [[6, 12], [8, 8], [0, 0]])
    np.testing.assert_array_equal(found.boundary[:, 2], [[0, 0], [4, 4], [0, 12]])
    expected = (14 / 20 + 4 / 16) / 2
    assert found.scores(THREE)["boundary_iou"] == pytest.approx(expected)


def test_the_length_of_outlines_is_the_number_of_neighbours_that_differ(
    predictor: Any, split: Split
) -> None:
    found = evaluate_split(predictor, split)
    # Image 1: one vertical line of 4. Image 2: two horizontal lines of 4. Image 3: none.
    np.testing.assert_array_equal(found.outline, [[4, 4], [8, 8], [0, 0]])
    assert found.scores(THREE)["outline_length"] == 1


EARED = ClassSet(
    names=("background", "skin", "left_ear", "right_ear"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)),
    face=(1,),
    pairs=((2, 3),),
    ears=(2, 3),
)


class EaredNetwork(RedChannelNetwork):
    """A network whose prediction is encoded in the red channel: 0, 60, 120 or 180."""

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        labels = np.rint(images[..., 0] / 60).astype(int)
        return (10 * np.eye(4)[labels]).astype(np.float32)


def test_the_jawline_is_measured_where_the_truth_has_both_ears(
    write_pack: Callable[..., Split], tmp_path: Path
) -> None:
    # Ears of mean columns 1.5 and 13.5: the face is 12 wide. The predicted chin is 2 rows lower.
    truth = np.zeros((16, 16), np.uint8)
    truth[2:10, 3:13], truth[4:7, 1:3], truth[4:7, 13:15] = 1, 2, 3
    lower, profile = truth.copy(), truth.copy()
    lower[10:12, 3:13] = 1
    profile[truth == 2] = 0
    pairs = [(np.repeat(60 * each[..., None], 3, axis=2), true) for each, true in
             ((lower, truth), (truth, truth), (lower, profile))]  # fmt: skip
    split = write_pack(tmp_path, "val", pairs, (16, 16))
    found = evaluate_split(Predictor(EaredNetwork((16, 16)), EARED), split)
    assert found.jawline is not None
    np.testing.assert_allclose(found.jawline, [[100 * 2 / 12, 1], [0, 1], [0, 0]])
    assert found.scores(EARED)["jawline_distance"] == pytest.approx(100 * 2 / 12 / 2)


def test_class_sets_without_ears_have_no_jawline(predictor: Any, split: Split) -> None:
    found = evaluate_split(predictor, split)
    assert found.jawline is None
    assert "jawline_distance" not in found.scores(THREE)


@pytest.mark.parametrize(("size", "threads"), [(1, 1), (2, 3), (3, 2), (50, 1)])
def test_batches_and_threads_change_nothing(
    size: int, threads: int, predictor: Any, split: Split
) -> None:
    found = evaluate_split(predictor, split, size, threads=threads)
    assert max(predictor.network.batches) <= size
    expected = evaluate_split(predictor, split)
    np.testing.assert_array_equal(found.counts, expected.counts)
    np.testing.assert_array_equal(found.boundary, expected.boundary)
    np.testing.assert_array_equal(found.outline, expected.outline)
    np.testing.assert_array_equal(found.calibration, expected.calibration)


def test_an_error_in_a_thread_ends_the_evaluation_with_that_error(
    predictor: Any, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("faceseg.evaluation.split_evaluation.boundary_counts", fail)
    with pytest.raises(MemoryError, match="no room"):
        evaluate_split(predictor, split)


def test_images_of_several_sizes_are_scored_at_their_own_size(
    write_pack: Callable[..., Split], tmp_path: Path
) -> None:
    # Halves and thirds on a 4 x 6 grid; the originals are two and three times as large.
    pairs = []
    for factor in (2, 3):
        labels = np.zeros((4 * factor, 6 * factor), np.uint8)
        labels[: 2 * factor] = 1
        labels[:, 4 * factor :] = 2
        pairs.append((paint(labels), labels))
    split = write_pack(tmp_path, "test", pairs, (4, 6))
    predictor = Predictor(RedChannelNetwork((4, 6)), THREE)
    found = evaluate_split(predictor, split)
    np.testing.assert_array_equal(found.counts.sum(axis=(1, 2)), [8 * 12, 12 * 18])
    # Bilinear enlargement changes only the corners of the areas.
    for counts, factor in zip(found.counts, (2, 3), strict=True):
        wrong = counts.sum() - np.trace(counts)
        assert wrong <= 2 * (factor - 1) ** 2


def test_truth_and_logits_have_the_order_of_the_images(predictor: Any) -> None:
    cases = [
        (paint(predicted), truth) for predicted, truth in zip(PREDICTIONS, TRUTHS, strict=True)
    ]
    found = list(batched_logits(predictor, iter(cases), batch_size=2))
    for (truth, logits), (image, expected) in zip(found, cases, strict=True):
        np.testing.assert_array_equal(truth, expected)
        np.testing.assert_array_equal(logits, predictor.logits([image])[0])


@pytest.mark.parametrize(("compiles", "sizes"), [(True, [2, 2]), (False, [2, 1])])
@pytest.mark.parametrize("members", [0, 2])
def test_the_last_batch_is_filled_up_where_another_size_would_be_compiled(
    compiles: bool, sizes: list[int], members: int
) -> None:
    network = RedChannelNetwork((4, 4))
    network.compiles_each_size = compiles
    predictor = Predictor(network, THREE)
    if members:
        predictor = ensemble_predictor([predictor] * members)
    cases = [(paint(each), each) for each in TRUTHS]
    found = list(batched_logits(predictor, iter(cases), batch_size=2))
    assert len(found) == len(cases) == 3
    assert network.batches[:: max(1, members)] == sizes
    alone = [predictor.logits([image])[0] for image, _ in cases]
    np.testing.assert_array_equal([logits for _, logits in found], alone)


def test_ignored_pixels_are_in_no_count(write_pack: Callable[..., Split], tmp_path: Path) -> None:
    truth = HALF.copy()
    truth[:, 2] = 255  # the column that was predicted wrong
    split = write_pack(tmp_path, "val", [(paint(WIDER), truth)], (4, 4))
    found = evaluate_split(Predictor(RedChannelNetwork((4, 4)), THREE), split)
    np.testing.assert_array_equal(found.counts[0], [[4, 0, 0], [0, 8, 0], [0, 0, 0]])
    assert found.calibration[0, :, 0].sum() == 12
