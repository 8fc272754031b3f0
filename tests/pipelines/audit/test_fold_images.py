"""The images of the folds: none in two folds' tests, none trained on and tested at once."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.split import Split
from faceseg.data.split_writer import SplitWriter
from faceseg.errors import UserError
from pipelines.audit.fold_images import PackedImages, folds_of, open_images, write_fold

# LaPa's names: `1_0` and `1_1` are two faces of photograph 1, which is in two splits.
IDS = {"train": [f"{photo}_{face}" for photo in range(8) for face in range(2)], "val": ["1_2"]}
IDS["test"] = ["20_0", "21_0"]


@pytest.fixture
def images(tmp_path: Path) -> PackedImages:
    """Nineteen images of 4 x 4 pixels; each pixel of an image has its number."""
    number = 0
    for split, ids in IDS.items():
        with SplitWriter(tmp_path / split, (4, 4), originals=False) as writer:
            for name in ids:
                labels = np.full((4, 4), number, np.uint8)
                writer.append(name, np.stack([labels] * 3, axis=2), labels)
                number += 1
            writer.finish()
    return open_images(tmp_path)


def numbers(split: Split) -> list[int]:
    return [int(each) for each in split.labels[:, 0, 0]]


def test_images_of_all_splits_have_one_order(images: PackedImages):
    assert len(images) == 19
    assert images.names[16:] == [("val", "1_2"), ("test", "20_0"), ("test", "21_0")]
    for index in range(19):
        image, labels = images.pair(index)
        assert set(image.ravel()) == set(labels.ravel()) == {index}


def test_every_image_is_checked_by_a_network_that_has_not_seen_its_photograph(
    images: PackedImages, tmp_path: Path
):
    fold_of = folds_of(images, 3, seed=1)
    photos = np.array(images.photos)
    assert set(fold_of) == {0, 1, 2}
    for fold in range(3):
        outside = np.flatnonzero(fold_of != fold)
        train, validation = write_fold(images, outside, tmp_path / f"fold-{fold}", seed=1)
        used = numbers(train) + numbers(validation)
        assert sorted(used) == outside.tolist()
        checked = set(photos[fold_of == fold])
        assert checked.isdisjoint(photos[used])
        assert set(photos[numbers(train)]).isdisjoint(photos[numbers(validation)])
        assert len(validation) > 0


def test_a_fold_is_written_once(images: PackedImages, tmp_path: Path):
    rows = np.arange(10)
    write_fold(images, rows, tmp_path / "fold", seed=1)
    written = (tmp_path / "fold" / "train" / "images.npy").stat().st_mtime_ns
    train, _ = write_fold(images, rows, tmp_path / "fold", seed=1)
    assert (tmp_path / "fold" / "train" / "images.npy").stat().st_mtime_ns == written
    assert len(train) > 0


def test_too_many_folds_for_the_photographs_are_refused(images: PackedImages):
    with pytest.raises(UserError, match="the images show 10 photographs, too few for 11 folds"):
        folds_of(images, 11, seed=1)
