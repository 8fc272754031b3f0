"""EasyPortrait, iBugMask and FaceSynthetics: files by their specifications, pixel by pixel."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.class_sets import EASYPORTRAIT, FACESYNTHETICS
from faceseg.data.classes import LAPA
from faceseg.data.formats import facesynthetics, ibugmask
from faceseg.data.formats.easyportrait import read_easyportrait
from faceseg.data.formats.facesynthetics import read_facesynthetics
from faceseg.data.formats.ibugmask import photograph_of, read_ibugmask
from faceseg.errors import UserError
from tests.faceseg.data.formats import mask_folders
from tests.faceseg.data.formats.mask_folders import COLUMNS, ROWS


def test_easyportrait(tmp_path: Path) -> None:
    found = read_easyportrait(mask_folders.easyportrait(tmp_path))
    assert {split: [item.id for item in items] for split, items in found.splits.items()} == {
        "train": ["a", "b"],
        "val": ["a", "b"],
        "test": ["a", "b"],
    }
    assert found.classes == (
        "background",
        "person",
        "skin",
        "left_brow",
        "right_brow",
        "left_eye",
        "right_eye",
        "lips",
        "teeth",
    )
    item = found.splits["test"][0]
    assert item.image_file == tmp_path / "images/test/a.jpg"
    assert item.files == (tmp_path / "images/test/a.jpg", tmp_path / "annotations/test/a.png")
    image, labels = item.read()
    assert image.shape == (ROWS, COLUMNS, 3)
    # Two columns a class, from class 2 on in 'test'.
    row = [2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    np.testing.assert_array_equal(labels, [row] * ROWS)


def test_the_sides_of_easyportraits_classes_are_exchanged_by_a_flip() -> None:
    names = EASYPORTRAIT.names
    flipped = [names[index] for index in EASYPORTRAIT.flip_table[: len(names)]]
    assert flipped[3:7] == ["right_brow", "left_brow", "right_eye", "left_eye"]
    assert [names[index] for index in EASYPORTRAIT.eyes] == ["left_eye", "right_eye"]
    assert names[EASYPORTRAIT.skin] == "skin"


def test_easyportrait_may_lack_a_split_but_not_its_annotations(tmp_path: Path) -> None:
    root = mask_folders.easyportrait(tmp_path)
    (root / "images/test").rename(root / "elsewhere")
    assert list(read_easyportrait(root).splits) == ["train", "val"]
    (root / "annotations/val").rename(root / "elsewhere_too")
    with pytest.raises(UserError, match="annotations/val/ is missing"):
        read_easyportrait(root)


def test_ibugmask(tmp_path: Path) -> None:
    found = read_ibugmask(mask_folders.ibugmask(tmp_path))
    assert {split: [item.id for item in items] for split, items in found.splits.items()} == {
        "train": ["a", "b"],
        "test": ["a", "b"],
    }
    assert [ibugmask.TO_LAPA[name] for name in found.classes] == list(LAPA.names)
    item = found.splits["train"][1]
    assert item.files == (tmp_path / "train/b.jpg", tmp_path / "train/b.png")
    # Two columns a class, from class 0 on in 'train'.
    row = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 0, 0]
    np.testing.assert_array_equal(item.read()[1], [row] * ROWS)


@pytest.mark.parametrize(
    ("name", "photograph"),
    [
        ("100032540_1_00", "100032540_1"),
        ("100032540_1_17", "100032540_1"),
        ("100032540_1", "100032540_1"),
    ],
)
def test_poses_of_one_photograph_have_one_name(name: str, photograph: str) -> None:
    assert photograph_of(name) == photograph


def test_facesynthetics(tmp_path: Path) -> None:
    found = read_facesynthetics(mask_folders.facesynthetics(tmp_path))
    assert [item.id for item in found.splits["all"]] == ["000000", "000001"]
    item = found.splits["all"][0]
    assert item.files == (tmp_path / "000000.png", tmp_path / "000000_seg.png")
    labels = item.read()[1]
    # The example has one column a class, then IGNORE and the first four classes again.
    row = [*range(19), 255, 0, 1, 2, 3]
    np.testing.assert_array_equal(labels, [row] * ROWS)


def test_facesynthetics_has_a_lapa_class_for_each_of_its_own() -> None:
    by_hand = {
        0: 0, 1: 1, 2: 6, 3: 5, 4: 4, 5: 3, 6: 2, 7: 1, 8: 1, 9: 8, 10: 7, 11: 9, 12: 0, 13: 10,
        14: 1, 15: 0, 16: 0, 17: 0, 18: 0,
    }  # fmt: skip
    found = {
        index: LAPA.names.index(facesynthetics.TO_LAPA[name])
        for index, name in enumerate(FACESYNTHETICS.names)
    }
    assert found == by_hand


def test_the_left_classes_of_facesynthetics_come_first_in_its_pairs() -> None:
    names = FACESYNTHETICS.names
    assert [(names[left], names[right]) for left, right in FACESYNTHETICS.pairs] == [
        ("left_eye", "right_eye"),
        ("left_brow", "right_brow"),
        ("left_ear", "right_ear"),
    ]
    assert names[FACESYNTHETICS.hair or 0] == "hair"
