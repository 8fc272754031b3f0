"""The evidence of a fold on disk: what is damaged or of other images is computed again."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.split_writer import SplitWriter
from pipelines.audit.fold_evidence import (
    EVIDENCE,
    PREDICTIONS,
    compute_fold,
    open_predictions,
    read_fold,
)
from pipelines.audit.fold_images import PackedImages, open_images
from tests.faceseg.function_networks import decode_labels, encode_labels, predictor_of

ROWS = np.array([0, 2, 4])


def labels_of(number: int) -> np.ndarray:
    labels = np.zeros((8, 8), np.uint8)
    labels[2:6, 2 : 4 + number % 3] = 1 + number
    return labels


@pytest.fixture
def images(tmp_path: Path) -> PackedImages:
    """Five images that encode their labels, but the labels of the last one are empty."""
    for split, numbers in {"train": (0, 1), "val": (2,), "test": (3, 4)}.items():
        with SplitWriter(tmp_path / split, (8, 8), originals=False) as writer:
            for number in numbers:
                labels = labels_of(number)
                given = np.zeros_like(labels) if number == 4 else labels
                writer.append(f"image{number}", encode_labels(labels), given)
            writer.finish()
    return open_images(tmp_path)


@pytest.fixture
def fold(images: PackedImages, tmp_path: Path) -> Path:
    """The folder of a fold of the images 0, 2 and 4, of a network that is always right."""
    (folder := tmp_path / "fold").mkdir()
    done: list[int] = []
    compute_fold(predictor_of(decode_labels, 8), images, ROWS, folder, done.append)
    assert done == [1, 2, 3, 4, 5, 6]  # every image is predicted twice
    return folder


def test_the_evidence_and_the_predictions_are_those_of_the_fold(fold: Path):
    table = read_fold(fold, count=3, num_classes=11)
    assert table is not None
    np.testing.assert_array_equal(open_predictions(fold), [labels_of(each) for each in ROWS])
    np.testing.assert_array_equal(table.iou, [1, 1, 0])
    assert table.counts[2][0, 5] == 12  # labelled background, predicted 5: 4 rows of 3 pixels


def test_a_damaged_fold_is_not_read(fold: Path):
    whole = (fold / EVIDENCE).read_bytes()
    for damaged in (whole[: len(whole) // 2], b""):
        (fold / EVIDENCE).write_bytes(damaged)
        assert read_fold(fold, count=3, num_classes=11) is None
    (fold / EVIDENCE).write_bytes(whole)
    (fold / PREDICTIONS).unlink()
    assert read_fold(fold, count=3, num_classes=11) is None


@pytest.mark.parametrize(("count", "classes"), [(4, 11), (3, 10)])
def test_a_fold_of_other_images_or_classes_is_not_read(fold: Path, count: int, classes: int):
    assert read_fold(fold, count=count, num_classes=classes) is None
