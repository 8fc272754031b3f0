"""Helen with the labels of Smith et al.: probabilities of eleven classes, and lists of splits."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.formats.helen import TO_LAPA, read_helen
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from tests.faceseg.data.formats import mask_folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return mask_folders.helen(tmp_path / "helen")


def test_the_lists_are_the_splits(folder: Path) -> None:
    found = read_helen(folder)
    assert {split: [item.id for item in items] for split, items in found.splits.items()} == {
        "train": ["a", "b"],
        "val": ["c"],
        "test": ["d"],
    }
    assert {file.name for file in found.index_files} == {
        "exemplars.txt",
        "tuning.txt",
        "testing.txt",
    }
    assert [TO_LAPA[name] for name in found.classes] == list(LAPA.names)
    item = found.splits["val"][0]
    assert item.image_file == folder / "images/c.jpg"
    assert item.files[1] == folder / "labels/c/c_lbl00.png"
    assert item.files[11] == folder / "labels/c/c_lbl10.png"
    assert len(item.files) == 12


def test_a_pixel_takes_the_class_of_the_largest_probability(folder: Path) -> None:
    Image.new("RGB", (4, 2)).save(folder / "images/a.jpg")
    maps = np.zeros((11, 2, 4), dtype=np.uint8)
    maps[0, 0, 0] = 255  # background alone
    maps[1, 0, 1], maps[10, 0, 1] = 100, 155  # hair over skin
    maps[1, 0, 2], maps[10, 0, 2] = 128, 127  # skin just over hair
    maps[2, 0, 3], maps[3, 0, 3] = 90, 90  # a tie
    maps[6, 1, 1] = 1
    maps[7, 1, 2], maps[8, 1, 2], maps[9, 1, 2] = 60, 80, 70
    maps[:, 1, 3] = 255  # all alike
    for index, values in enumerate(maps):
        Image.fromarray(values).save(folder / f"labels/a/a_lbl{index:02}.png")
    labels = read_helen(folder).splits["train"][0].read()[1]
    np.testing.assert_array_equal(labels, [[0, 10, 1, 2], [0, 6, 8, 0]])


def test_maps_of_two_sizes_are_refused(folder: Path) -> None:
    Image.new("L", (12, 8)).save(folder / "labels/a/a_lbl07.png")
    with pytest.raises(BadFile, match=r"12 x 8 pixels, while a_lbl00.png has 24 x 16") as caught:
        read_helen(folder).splits["train"][0].read()
    assert caught.value.file == "labels/a/a_lbl07.png"


def test_a_listed_image_that_is_missing_is_a_problem_of_that_image(folder: Path) -> None:
    (folder / "testing.txt").write_text("1 , d\r\n\r\n2,never\n", encoding="utf-8")
    test = read_helen(folder).splits["test"]
    assert test[0].read()[1].shape == (16, 24)
    with pytest.raises(BadFile, match="labels/never: has no image"):
        test[1].read()


@pytest.mark.parametrize(
    "line",
    [
        "1 , ../../secret",
        "1 , /etc/passwd",
        "1 , ..",
        "1 , a\\b",
        "1 , a\0b",
        "1 ,",
        "a",
        "one , a",
        "1 , " + 300 * "a",
        "1" + 100_000 * " ",
    ],
)
def test_a_line_that_is_no_number_and_file_name_is_refused(folder: Path, line: str) -> None:
    (folder / "testing.txt").write_text(f"1 , d\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 2 of .*testing.txt is .*; expected lines such as"):
        read_helen(folder)


@pytest.mark.parametrize("file", ["exemplars.txt", "testing.txt"])
def test_a_name_in_two_places_is_refused(folder: Path, file: str) -> None:
    with open(folder / "testing.txt", "a", encoding="utf-8") as stream:
        stream.write("2 , a\n" if file == "exemplars.txt" else "2 , d\n")
    with pytest.raises(UserError, match=rf"testing.txt contains '.', which {file} contains"):
        read_helen(folder)


def test_a_list_that_is_missing_empty_or_no_text_is_refused(folder: Path) -> None:
    file = folder / "tuning.txt"
    file.write_bytes(b"\n \n")
    with pytest.raises(UserError, match=r"tuning.txt contains no name"):
        read_helen(folder)
    file.write_bytes(b"1 , caf\xe9\n")
    with pytest.raises(UserError, match=r"tuning.txt is no text in UTF-8"):
        read_helen(folder)
    file.unlink()
    with pytest.raises(UserError, match=r"tuning.txt is missing; .* found: exemplars.txt, images/"):
        read_helen(folder)


def test_a_list_without_end_is_refused(folder: Path) -> None:
    (folder / "tuning.txt").write_bytes(b"1 , a\n" * 2_000_000)
    with pytest.raises(UserError, match=r"tuning.txt cannot be read \(File too large\)"):
        read_helen(folder)
