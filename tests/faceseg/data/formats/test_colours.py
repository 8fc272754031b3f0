"""Labels in colours: palettes, layouts, and the account of mixed colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.formats.colours import read_colours
from faceseg.errors import UserError
from tests.faceseg.data.formats import mask_folders
from tests.faceseg.data.formats.mask_folders import PALETTE, ROWS

ROW = [0, 0, 1, 1, 2, 2] * 4  # two columns a class


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mask_folders.colours(tmp_path / "set")


def test_exact_colours(folder: Path) -> None:
    found = read_colours(folder, PALETTE)
    assert found.classes == ("background", "skin", "hair")
    assert list(found.splits) == ["all"]
    item = found.splits["all"][0]
    assert item.files == (folder / "images/a.jpg", folder / "labels/a.png")
    np.testing.assert_array_equal(item.read()[1], [ROW] * ROWS)
    assert found.tally.summary() is None
    assert found.tally.lines() == ()


def test_a_palette_image_is_read_by_its_colours_not_by_its_indices(folder: Path) -> None:
    indices = np.array([[2, 2, 0, 0, 1, 1] * 4] * ROWS, dtype=np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([200, 0, 0, 0, 0, 200, 0, 0, 0])
    image.save(folder / "labels/a.png")
    labels = read_colours(folder, PALETTE).splits["all"][0].read()[1]
    np.testing.assert_array_equal(labels, [ROW] * ROWS)


def test_an_opaque_image_with_alpha_is_read(folder: Path) -> None:
    file = folder / "labels/a.png"
    Image.open(file).convert("RGBA").save(file)
    labels = read_colours(folder, PALETTE).splits["all"][0].read()[1]
    np.testing.assert_array_equal(labels, [ROW] * ROWS)


def test_a_class_may_have_several_colours_and_ignored_pixels_have_their_own(folder: Path) -> None:
    pixels = np.zeros((ROWS, 24, 3), dtype=np.uint8)
    pixels[:, 8:16] = (200, 0, 0)
    pixels[:4, 8:16] = (0, 99, 0)
    pixels[:, 16:] = (224, 224, 192)
    Image.fromarray(pixels).save(folder / "labels/a.png")
    palette = {
        "background": [0, 0, 0],
        "ignore": [224, 224, 192],
        "skin": [[200, 0, 0], [0, 99, 0]],
    }
    found = read_colours(folder, palette)
    assert found.classes == ("background", "skin")
    row = [0] * 8 + [1] * 8 + [255] * 8
    np.testing.assert_array_equal(found.splits["all"][0].read()[1], [row] * ROWS)


def test_lapas_splits(folder: Path) -> None:
    for split in ("test", "train"):
        mask_folders.colours(folder.parent / "LaPa" / split)
    found = read_colours(folder.parent / "LaPa", PALETTE)
    assert {split: [item.id for item in items] for split, items in found.splits.items()} == {
        "train": ["a", "b"],
        "test": ["a", "b"],
    }
    np.testing.assert_array_equal(found.splits["test"][1].read()[1], [ROW] * ROWS)


def test_mixed_colours_are_counted_for_each_file_and_in_all(folder: Path) -> None:
    pixels = np.zeros((ROWS, 24, 3), dtype=np.uint8)
    pixels[:, 12:] = (200, 0, 0)
    pixels[:, 12] = (120, 0, 0)
    Image.fromarray(pixels).save(folder / "labels/b.png")
    found = read_colours(folder, PALETTE)
    for item in (*found.splits["all"], *found.splits["all"]):  # reading twice counts once
        item.read()
    assert found.tally.lines() == (
        "labels/b.png: 16 of 384 pixels (4.17%) have mixed colours and took the class of the "
        "nearest one",
    )
    assert found.tally.summary() == (
        "1 of 2 label maps: 16 of 768 pixels (2.08%) have mixed colours and took the class of the "
        "nearest one"
    )


@pytest.mark.parametrize(
    ("palette", "message"),
    [
        ([[0, 0, 0], [1, 1, 1]], "is no mapping"),
        ({"background": [0, 0, 0]}, "has 1 classes; expected 2 to 254"),
        ({"background": [0, 0, 0], "ignore": [1, 1, 1]}, "has 1 classes"),
        ({f"class {index}": [0, 0, index] for index in range(255)}, "has 255 classes"),
        (
            {"background": [0, 0, 0], "skin": [[1, i // 256, i % 256] for i in range(1000)]},
            "has 1001 colours; expected at most 1000",
        ),
        ({"background": [0, 0, 0], "skin": [0, 0, 0]}, "to background and to skin"),
        ({"background": [0, 0, 0], "skin": [0, 0, 256]}, r"gives skin \[0, 0, 256\]; expected"),
        ({"background": [0, 0, 0], "skin": [0, 0]}, r"gives skin \[0, 0\]"),
        ({"background": [0, 0, 0], "skin": [0, 0, 1.5]}, r"gives skin \[0, 0, 1.5\]"),
        ({"background": [0, 0, 0], "skin": [True, True, True]}, r"gives skin \[True"),
        ({"background": [0, 0, 0], "skin": "red"}, "gives skin 'red'"),
        ({"background": [0, 0, 0], "skin": None}, "gives skin None"),
        ({"background": [0, 0, 0], "skin": []}, r"gives skin \[\]"),
        ({"background": [0, 0, 0], "skin": [[1, 1, 1], 7]}, r"gives skin \[\[1, 1, 1\], 7\]"),
        ({"background": [0, 0, 0], False: [1, 1, 1]}, "False is no name of a class; write it"),
    ],
)
def test_a_wrong_palette_is_refused(folder: Path, palette: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_colours(folder, palette)
