"""Which images `faceseg predict` finds, under which names, and what their results are called."""

import os
import shutil
import unicodedata
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.predict.image_files import find_images, result_names

COMPOSED = unicodedata.normalize("NFC", "é")
DECOMPOSED = unicodedata.normalize("NFD", "é")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def create(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def found(photos: Path, *patterns: str, out: str = "out") -> list[str]:
    """Return the images found in the folder, or by patterns in it, relative to it."""
    words = [str(photos / each) for each in patterns or ("",)]
    images = find_images(words, photos / out)
    return [path.relative_to(photos).as_posix() for path in images]


def test_links_are_named_as_given_and_two_names_of_one_file_are_two_images(photos: Path):
    # git-annex, DVC and Hugging Face store a file under its digest and link to it.
    blob = photos.parent / "blobs" / "SHA256-e3b0c442"
    create(blob)
    for name in ("anna.jpg", "bert.jpg"):
        (photos / name).symlink_to(blob)
    images = find_images([str(photos)], photos / "out")
    assert result_names(images) == ["anna", "bert"]


def test_a_linked_folder_is_searched_under_its_own_name(photos: Path):
    create(photos.parent / "disk" / "a.jpg")
    (photos / "linked").symlink_to(photos.parent / "disk")
    assert found(photos) == ["linked/a.jpg"]
    assert found(photos, "**/*.jpg") == ["linked/a.jpg"]


def test_loops_of_links_end(photos: Path):
    create(photos / "a.jpg", photos / "more" / "b.jpg")
    for name in ("one", "two"):
        (photos / "more" / name).symlink_to(photos)
    (photos / "itself.jpg").symlink_to("itself.jpg")
    assert found(photos) == ["a.jpg", "itself.jpg", "more/b.jpg"]
    assert found(photos, "**/[ab].jpg") == ["a.jpg", "more/b.jpg"]


def test_a_link_whose_target_is_missing_is_found(photos: Path):
    (photos / "gone.jpg").symlink_to("blobs/none")
    assert found(photos) == ["gone.jpg"]
    assert found(photos, "gone.jpg") == ["gone.jpg"]


@pytest.mark.parametrize("pattern", ["", "*", "**", "**/*"])
def test_hidden_and_system_files_are_passed_over(photos: Path, pattern: str):
    system = ("._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/a.jpg", ".cache/a.jpg")
    create(photos / "a.jpg", *(photos / name for name in system))
    assert found(photos, pattern) == ["a.jpg"]


def test_system_files_that_a_shell_expanded_are_passed_over(photos: Path):
    create(photos / "a.jpg", photos / "Thumbs.db", photos / "__MACOSX" / "a.jpg")
    assert found(photos, "Thumbs.db", "__MACOSX", "a.jpg") == ["a.jpg"]
    with pytest.raises(UserError, match="no image"):
        found(photos, "Thumbs.db")


@pytest.mark.parametrize("pattern", ["", "**/*.png", "**"])
@pytest.mark.parametrize("out", ["out", "", "another"])
def test_results_of_an_earlier_call_are_not_found(photos: Path, out: str, pattern: str):
    create(photos / "a.png", photos / "masks" / "a.png", photos / "overlays" / "a.jpg")
    shutil.copytree(photos, photos / "out")
    for folder in (photos, photos / "out"):
        create(folder / "shares.json")
    (photos / "out" / "a.png").unlink()
    assert found(photos, pattern, out=out) == ["a.png"]


def test_results_that_have_no_shares_yet_are_not_found(photos: Path):
    create(photos / "a.png", photos / "masks" / "a.png", photos / "out" / "masks" / "a.png")
    assert found(photos, out="") == ["a.png", "out/masks/a.png"]
    assert found(photos, out="out") == ["a.png", "masks/a.png"]


def test_an_image_that_several_patterns_match_is_found_once(photos: Path):
    create(photos / "a.jpg")
    assert found(photos, "", "a.jpg", "*.jpg", "../photos/a.jpg", "./a.jpg") == ["a.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error(photos: Path, monkeypatch: pytest.MonkeyPatch):
    create(photos / "a.jpg", photos / "closed" / "b.jpg")

    def scandir(path: str | Path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    list_folder = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(UserError, match=r"closed cannot be listed \(Permission denied\)"):
        found(photos)


@pytest.mark.parametrize(
    "names", [("Anna.jpg", "anna.jpg"), (f"{COMPOSED}.jpg", f"{DECOMPOSED}.jpg")]
)
def test_names_that_some_file_systems_do_not_distinguish_are_refused(
    photos: Path, names: tuple[str, str]
):
    with pytest.raises(UserError, match="rename one") as error:
        result_names([photos / name for name in names])
    for name in names:
        assert ascii(name)[1:-1] in str(error.value) or name in str(error.value)


def test_equal_spellings_in_different_folders_are_told_apart_by_their_folders(photos: Path):
    paths = [photos / "a" / f"{COMPOSED}.jpg", photos / "b" / f"{DECOMPOSED}.jpg"]
    assert result_names(paths) == [f"a/{COMPOSED}", f"b/{DECOMPOSED}"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a/x.jpg", "b/y.jpg"], ["x", "y"]),
        (["a/x.jpg", "b/x.jpg", "b/c/y.jpg"], ["a/x", "b/x", "b/c/y"]),
        (["a/x.jpg", "a/x.png", "a/y.png"], ["x.jpg", "x.png", "y.png"]),
    ],
)
def test_results_of_equal_stems_have_different_names(
    tmp_path: Path, files: list[str], expected: list[str]
):
    assert result_names([tmp_path / file for file in files]) == expected


def test_an_image_is_found_once_and_results_are_not_found(tmp_path: Path):
    (tmp_path / "photos" / "out").mkdir(parents=True)
    for name in ("photos/b.jpg", "photos/a.png", "photos/out/c.png", "photos/notes.txt"):
        (tmp_path / name).touch()
    folder = tmp_path / "photos"
    found = find_images([str(folder), str(folder / "*.jpg"), str(folder / "b.jpg")], folder / "out")
    assert [path.name for path in found] == ["a.png", "b.jpg"]


@pytest.mark.parametrize("word", ["nothing-here", "none/*.jpg"])
def test_a_pattern_that_matches_no_image_is_an_error(tmp_path: Path, word: str):
    with pytest.raises(UserError, match=r"matches no image") as error:
        find_images([word], tmp_path)
    assert word in str(error.value)
