"""Files that an annotation names stay in its folder; ids and splits from names."""

from pathlib import Path

import pytest

from faceseg.data.formats.file_lookup import confined, split_of, unique_ids
from faceseg.data.problems import BadFile
from faceseg.errors import UserError

ROOT, INDEX = Path("set"), Path("set/index.json")


@pytest.mark.parametrize(
    ("name", "folder", "found"),
    [
        ("a.jpg", ".", "set/a.jpg"),
        ("../images/a.jpg", "annotations", "set/images/a.jpg"),
        ("..\\images\\a.jpg", "annotations", "set/images/a.jpg"),  # written on Windows
    ],
)
def test_names_below_the_root(name: str, folder: str, found: str) -> None:
    assert confined(name, folder, ROOT, INDEX) == Path(found)


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "b/../../a.jpg", "/etc/a.jpg", "C:\\a.jpg", "\\\\host\\a.jpg", "", " ", "..",
     "a\0.jpg", "\ud800.jpg"],
)  # fmt: skip
def test_names_that_leave_the_root_are_refused(name: str) -> None:
    with pytest.raises(BadFile, match=r"set/index\.json: contains the file name") as caught:
        confined(name, ".", ROOT, INDEX)
    str(caught.value).encode()


def test_the_split_of_a_name() -> None:
    names = ["train2017", "valid", "VAL", "test_1", "Training", "default", "contrast"]
    assert [split_of(name) for name in names] == [
        "train",
        "val",
        "val",
        "test",
        "train",
        None,
        None,
    ]


def test_an_id_is_the_stem_and_repeated_stems_have_their_folders() -> None:
    files = [ROOT / "a/1.jpg", ROOT / "b/1.jpg", ROOT / "b/2.jpg"]
    assert unique_ids(files, ROOT, INDEX) == ["a__1", "b__1", "2"]


def test_an_image_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(UserError, match=r"2 images have the id '1' \(a/1.jpg, a/1.jpg\)"):
        unique_ids([ROOT / "a/1.jpg"] * 2, ROOT, INDEX)
    with pytest.raises(UserError, match=r"2 images have the id 'a__1' \(a/1.jpg, a/1.png\)"):
        unique_ids([ROOT / "a/1.jpg", ROOT / "a/1.png"], ROOT, INDEX)
