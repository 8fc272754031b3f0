"""CVAT's masks in colours: the labels pixel by pixel, and damaged files."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.cvat import read_cvat
from faceseg.errors import UserError
from tests.faceseg.data.formats.face_grid import (
    FACE,
    HEIGHT,
    WIDTH,
    labels_of,
    problem_of,
    save_image,
    save_turned,
)

LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
eye:128,0,0::
skin:0,128,0:part:action
"""
COLOURS = np.array([(0, 0, 0), (0, 128, 0), (128, 0, 0)], dtype=np.uint8)[FACE]


def save_mask(folder: Path, pixels: NDArray[np.uint8], mode: str | None = None) -> None:
    image = Image.fromarray(pixels)
    file = folder / "SegmentationClass/a.png"
    file.parent.mkdir(exist_ok=True)
    if mode == "P":
        image = image.quantize(3)
    (image.convert(mode) if mode else image).save(file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_image(tmp_path / "JPEGImages/a.JPG")
    (tmp_path / "labelmap.txt").write_text(LABELMAP, encoding="utf-8")
    lists = tmp_path / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "default.txt").write_text("a\n", encoding="utf-8")
    save_mask(tmp_path, COLOURS)
    return tmp_path


@pytest.mark.parametrize("mode", [None, "P", "RGBA"])
def test_masks_in_colours(folder: Path, mode: str | None) -> None:
    save_mask(folder, COLOURS, mode)
    found = read_cvat(folder)
    assert found.classes == ("background", "eye", "skin")
    np.testing.assert_array_equal(labels_of(found), np.array([0, 2, 1])[FACE])
    assert found.splits[ALL][0].files == (
        folder / "JPEGImages/a.JPG",
        folder / "SegmentationClass/a.png",
    )


def test_masks_of_the_labels_numbers(folder: Path) -> None:
    save_mask(folder, FACE)  # 1 is the second label
    np.testing.assert_array_equal(labels_of(read_cvat(folder)), FACE)


def test_black_is_the_background_where_no_label_has_it(folder: Path) -> None:
    (folder / "labelmap.txt").write_text("skin:0,128,0::\neye:128,0,0::\n", encoding="utf-8")
    np.testing.assert_array_equal(labels_of(read_cvat(folder)), FACE)


def test_a_label_may_contain_a_colon(folder: Path) -> None:
    (folder / "labelmap.txt").write_text("skin:a:0,128,0::\neye:128,0,0::\n", encoding="utf-8")
    assert read_cvat(folder).classes == ("background", "skin:a", "eye")


def test_a_photograph_with_exif_rotation(folder: Path) -> None:
    (folder / "JPEGImages/a.JPG").unlink()
    save_turned(folder / "JPEGImages/a.jpg")
    assert labels_of(read_cvat(folder)).shape == FACE.shape
    save_mask(folder, COLOURS.transpose(1, 0, 2))
    problem = problem_of(read_cvat(folder))
    assert "the mask is 6 x 8, its image is 8 x 6" in problem


def test_the_lists_of_splits(folder: Path) -> None:
    lists = folder / "ImageSets/Segmentation"
    (lists / "default.txt").rename(lists / "train.txt")
    (lists / "val.txt").write_text("\n", encoding="utf-8")
    (lists / "trainval.txt").write_text("a\n", encoding="utf-8")
    found = read_cvat(folder)
    assert {split: len(images) for split, images in found.splits.items()} == {"train": 1, "val": 0}


# --- Damage.


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("labelmap.txt", "", "0 labels"),
        ("labelmap.txt", "skin\n", r"labelmap\.txt, line 1: 'skin'; expected name:red,green,blue"),
        ("labelmap.txt", "skin:1,2::\n", "line 1"),
        ("labelmap.txt", "skin:1,2,256::\n", "line 1"),
        ("labelmap.txt", "skin:1,2,-3::\n", "line 1"),
        ("labelmap.txt", ":1,2,3::\n", "line 1"),
        ("labelmap.txt", "skin:1,2,3::\nskin:4,5,6::\n", "the label skin occurs twice"),
        ("labelmap.txt", "skin:1,2,3::\neye:1,2,3::\n", r"the colour \(1, 2, 3\) occurs twice"),
        ("labelmap.txt", "caf\udce9:1,2,3::\n", r"labelmap\.txt: text that is not UTF-8"),
        ("ImageSets/Segmentation/default.txt", "../../a\n", "the file name '../../a.png'"),
        ("ImageSets/Segmentation/default.txt", "a\na\n", "2 images have the id 'a'"),
        ("ImageSets/Segmentation/train.txt", "a\n", r"contains default\.txt, train\.txt; expected"),
    ],
)
def test_a_damaged_list_is_refused_with_its_name(
    folder: Path, file: str, text: str, wrong: str
) -> None:
    (folder / file).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(UserError, match=wrong):
        read_cvat(folder)


def test_a_missing_folder_of_lists_is_refused(folder: Path) -> None:
    for file in sorted((folder / "ImageSets/Segmentation").iterdir()):
        file.unlink()
    with pytest.raises(UserError, match="ImageSets/Segmentation contains nothing; expected"):
        read_cvat(folder)
    (folder / "ImageSets/Segmentation").rmdir()
    with pytest.raises(UserError, match="ImageSets/Segmentation cannot be listed"):
        read_cvat(folder)


def test_damaged_masks_and_images_are_problems(folder: Path) -> None:
    mask = folder / "SegmentationClass/a.png"
    strange = COLOURS.copy()
    strange[0, 0] = (7, 8, 9)
    save_mask(folder, strange)
    assert problem_of(read_cvat(folder)) == (
        f"{mask}: 1 pixels have values of no label, such as (7, 8, 9); expected a PNG in the "
        "colours of labelmap.txt"
    )
    save_mask(folder, np.full((HEIGHT, WIDTH), 3, dtype=np.uint8))
    assert "48 pixels have values of no label, such as 3;" in problem_of(read_cvat(folder))
    save_mask(folder, COLOURS[:3])
    assert "the mask is 8 x 3, its image is 8 x 6" in problem_of(read_cvat(folder))
    Image.fromarray(COLOURS).save(mask, "JPEG")
    assert "a JPEG that may have changed the colours" in problem_of(read_cvat(folder))
    mask.write_bytes(mask.read_bytes()[:40])
    assert problem_of(read_cvat(folder)).startswith(f"{mask}: broken or truncated")
    mask.unlink()
    assert problem_of(read_cvat(folder)).startswith(f"{mask}: cannot be read")
    (folder / "JPEGImages/a.JPG").unlink()
    assert problem_of(read_cvat(folder)).startswith(f"{folder}/JPEGImages/a.jpg: cannot be read")
