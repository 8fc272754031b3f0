"""A folder in LaPa's layout: pairs by stem, and clear errors for other layouts."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.lapa import LapaFolder
from faceseg.data.pack import build_pack
from faceseg.data.problems import BadFile
from faceseg.errors import UserError


def problem_of(folder: Path, split: str, name: str) -> BadFile:
    item = next(item for item in LapaFolder(folder).items(split) if item.id == name)
    with pytest.raises(BadFile) as caught:
        item.read()
    return caught.value


def test_splits_and_stems(lapa_folder: Path) -> None:
    layout = LapaFolder(lapa_folder)
    assert layout.splits == ("train", "val", "test")
    assert [item.id for item in layout.items("train")] == ["train0", "train1", "train2", "train3"]
    image, labels = layout.items("train")[0].read()
    assert image.shape == (32, 40, 3)
    assert labels.shape == (32, 40)
    assert np.unique(labels).tolist() == list(range(11))


def test_pairs_are_made_by_stem_not_by_position(lapa_folder: Path) -> None:
    # Without the first image, sorting both folders would pair train1 with label train0.
    (lapa_folder / "train/images/train0.jpg").unlink()
    Image.new("L", (40, 32), 6).save(lapa_folder / "train/labels/train1.png")
    items = {item.id: item for item in LapaFolder(lapa_folder).items("train")}
    assert np.all(items["train1"].read()[1] == 6)
    assert 6 in items["train2"].read()[1]
    assert 0 in items["train2"].read()[1]


def test_a_missing_image_or_label_is_a_problem_of_the_pair(lapa_folder: Path) -> None:
    (lapa_folder / "train/images/train0.jpg").unlink()
    (lapa_folder / "val/labels/val1.png").unlink()
    missing = problem_of(lapa_folder, "train", "train0")
    assert (missing.file, missing.wrong) == ("train/labels/train0.png", "has no image")
    missing = problem_of(lapa_folder, "val", "val1")
    assert (missing.file, missing.wrong) == ("val/images/val1.png", "has no label")


def test_two_images_of_one_stem_are_a_problem(lapa_folder: Path) -> None:
    Image.new("RGB", (40, 32)).save(lapa_folder / "test/images/test0.png")
    twice = problem_of(lapa_folder, "test", "test0")
    assert twice.wrong == "2 image files share a stem (test0.jpg, test0.png)"


def test_sizes_that_differ_are_a_problem(lapa_folder: Path) -> None:
    Image.new("L", (32, 40)).save(lapa_folder / "test/labels/test0.png")
    differ = problem_of(lapa_folder, "test", "test0")
    assert differ.file == "test/labels/test0.png"
    assert differ.wrong == "labels are 32 x 40, their image is 40 x 32 (width x height)"


def test_sizes_are_compared_after_the_exif_rotation(lapa_folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 32)).save(lapa_folder / "test/images/test0.jpg", exif=exif)
    assert "32 x 40" in problem_of(lapa_folder, "test", "test0").wrong
    Image.new("L", (32, 40)).save(lapa_folder / "test/labels/test0.png")
    image, labels = LapaFolder(lapa_folder).items("test")[0].read()
    assert image.shape[:2] == labels.shape == (40, 32)


def test_capital_suffixes_count_and_hidden_and_foreign_files_do_not(lapa_folder: Path) -> None:
    images = lapa_folder / "test/images"
    (images / "test0.jpg").rename(images / "test0.JPEG")
    for name in ("._test0.jpg", "Thumbs.db", "notes.txt", ".DS_Store", "desktop.ini"):
        (images / name).write_bytes(b"x")
    assert [item.id for item in LapaFolder(lapa_folder).items("test")] == ["test0", "test1"]


def test_an_image_that_cannot_be_read_is_a_problem_and_not_lost(lapa_folder: Path) -> None:
    (lapa_folder / "test/images/extra.heic").write_bytes(b"ftypheic")
    shutil.copy(lapa_folder / "test/labels/test0.png", lapa_folder / "test/labels/extra.png")
    assert problem_of(lapa_folder, "test", "extra").file == "test/images/extra.heic"


def test_the_labels_folder_can_have_another_name(lapa_folder: Path) -> None:
    for split in ("train", "val", "test"):
        (lapa_folder / split / "labels").rename(lapa_folder / split / "labels_native")
    layout = LapaFolder(lapa_folder, "labels_native", LAPA)
    assert layout.items("val")[0].read()[1].shape == (32, 40)
    with pytest.raises(UserError, match="train/labels/ is missing"):
        LapaFolder(lapa_folder)


def test_a_missing_folder_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        LapaFolder(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        LapaFolder(tmp_path / "file")


def test_the_error_of_a_missing_split_lists_the_folders_found(lapa_folder: Path) -> None:
    shutil.rmtree(lapa_folder / "val")
    with pytest.raises(UserError, match=r"val/ is missing .* contains: test/, train/$"):
        LapaFolder(lapa_folder)


def test_the_error_of_a_parent_folder_suggests_the_right_one(lapa_folder: Path) -> None:
    with pytest.raises(UserError, match=rf"Did you mean {lapa_folder}\?"):
        LapaFolder(lapa_folder.parent)


def test_a_split_without_images_is_refused(lapa_folder: Path) -> None:
    for file in (lapa_folder / "test/images").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="contains no image; found: nothing"):
        LapaFolder(lapa_folder)


def test_identity_changes_with_a_file_and_not_with_the_path(lapa_folder: Path) -> None:
    before = LapaFolder(lapa_folder).identity()
    assert LapaFolder(lapa_folder).identity() == before
    moved = lapa_folder.rename(lapa_folder.with_name("moved"))
    assert LapaFolder(moved).identity() == before
    Image.new("L", (40, 32)).save(moved / "test/labels/test0.png")
    assert LapaFolder(moved).identity() != before


def test_identity_includes_the_landmarks(lapa_folder: Path) -> None:
    before = LapaFolder(lapa_folder).identity()
    (lapa_folder / "val/landmarks/val0.txt").write_text("106", encoding="utf-8")
    assert LapaFolder(lapa_folder).identity() != before


def test_a_split_without_landmarks_has_no_facts_about_them(lapa_folder: Path) -> None:
    item = LapaFolder(lapa_folder).items("test")[0]
    assert item.facts(item.read()[1]) == {}


def test_links_are_followed_under_their_own_names(lapa_folder: Path) -> None:
    # git-annex, DVC and Hugging Face store a file under its digest and link to it.
    before = [item.id for item in LapaFolder(lapa_folder).items("train")]
    for number, file in enumerate(sorted((lapa_folder / "train").rglob("*.*"))):
        blob = lapa_folder / f"blob{number}"
        file.rename(blob)
        file.symlink_to(blob)
    items = LapaFolder(lapa_folder).items("train")
    assert [item.id for item in items] == before
    assert items[0].read()[0].shape == (32, 40, 3)


def test_a_link_whose_target_is_missing_is_reported_as_a_link(lapa_folder: Path) -> None:
    label = lapa_folder / "test/labels/test0.png"
    label.unlink()
    label.symlink_to("../objects/none")
    problem = problem_of(lapa_folder, "test", "test0")
    assert problem.file == "test/labels/test0.png"
    assert problem.wrong == "a link to ../objects/none, where no file is"
    before = LapaFolder(lapa_folder).identity()
    (lapa_folder / "test/objects").mkdir()
    (lapa_folder / "test/objects/none").touch()
    assert LapaFolder(lapa_folder).identity() != before


def test_a_folder_that_is_a_broken_link_is_reported_as_a_link(lapa_folder: Path) -> None:
    shutil.rmtree(lapa_folder / "val")
    (lapa_folder / "val").symlink_to("../disk/val")
    with pytest.raises(UserError, match=r"val/ is a link to ../disk/val, where no folder is"):
        LapaFolder(lapa_folder)


def test_a_name_that_is_not_utf8_is_a_problem(lapa_folder: Path, tmp_path: Path) -> None:
    image = lapa_folder / "train/images/train0.jpg"
    image.rename(image.with_name(os.fsdecode(b"caf\xe9.jpg")))
    label = lapa_folder / "train/labels/train0.png"
    label.rename(label.with_name(os.fsdecode(b"caf\xe9.png")))
    with pytest.raises(UserError, match=r"train/images/caf\\xe9.jpg: a name that is not UTF-8"):
        build_pack(LapaFolder(lapa_folder), tmp_path / "packs", LAPA, (16, 24))
    manifest = build_pack(LapaFolder(lapa_folder), tmp_path / "packs", LAPA, (16, 24), "skip")[1]
    assert [problem.id for problem in manifest.problems] == [r"caf\xe9"]


def test_two_spellings_of_a_letter_are_one_stem(lapa_folder: Path) -> None:
    # A folder that went through macOS and a ZIP file has decomposed letters in some names.
    for file, form in (("images/train0.jpg", "NFC"), ("labels/train0.png", "NFD")):
        path = lapa_folder / "train" / file
        path.rename(path.with_stem(unicodedata.normalize(form, "Zoë")))
    items = {item.id: item for item in LapaFolder(lapa_folder).items("train")}
    assert sorted(items) == [unicodedata.normalize("NFC", "Zoë"), "train1", "train2", "train3"]
    assert items[unicodedata.normalize("NFC", "Zoë")].read()[1].shape == (32, 40)


def test_pairs_of_both_spellings_stay_two_pairs(lapa_folder: Path) -> None:
    names = [unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")]
    for number, name in zip((0, 2), names, strict=True):
        for file in (f"images/train{number}.jpg", f"labels/train{number}.png"):
            path = lapa_folder / "train" / file
            path.rename(path.with_stem(name))
    items = {item.id: item for item in LapaFolder(lapa_folder).items("train")}
    assert set(names) < set(items)
    assert all(items[name].read()[1].shape == (32, 40) for name in names)


def test_the_copy_that_macos_adds_to_an_archive_is_not_suggested(lapa_folder: Path) -> None:
    shutil.copytree(lapa_folder, lapa_folder.parent / "__MACOSX")
    lapa_folder.rename(lapa_folder.with_name("set"))  # sorted after __MACOSX
    with pytest.raises(UserError, match=r"Did you mean \S+/set\?"):
        LapaFolder(lapa_folder.parent)


def test_labels_of_half_the_size_are_refused_with_an_offer(lapa_folder: Path) -> None:
    Image.new("L", (20, 16)).save(lapa_folder / "test/labels/test0.png")
    problem = problem_of(lapa_folder, "test", "test0")
    assert problem.wrong == "labels are 20 x 16, their image is 40 x 32 (width x height)"
    assert "data.label_size: resize" in problem.expected


def test_labels_of_half_the_size_are_resized_by_the_nearest_pixel(lapa_folder: Path) -> None:
    before = LapaFolder(lapa_folder).identity()
    half = np.arange(20 * 16, dtype=np.uint16).reshape(16, 20) % 11
    Image.fromarray(half.astype(np.uint8)).save(lapa_folder / "test/labels/test0.png")
    source = LapaFolder(lapa_folder, "labels", LAPA, "resize")
    image, labels = source.items("test")[0].read()
    assert image.shape == (32, 40, 3)
    np.testing.assert_array_equal(labels, half.repeat(2, axis=0).repeat(2, axis=1))
    assert source.items("test")[1].read()[1].shape == (32, 40)  # already of its image's size
    assert "label_size" not in before
    assert source.identity()["label_size"] == "resize"


@pytest.mark.parametrize(
    ("size", "resized"),
    [((21, 11), True), ((20, 10), True), ((20, 11), True), ((10, 20), False), ((20, 20), False)],
)
def test_only_labels_of_the_image_s_proportions_are_resized(
    lapa_folder: Path, size: tuple[int, int], resized: bool
) -> None:
    Image.new("RGB", (41, 21)).save(lapa_folder / "test/images/test0.jpg")
    Image.new("L", size).save(lapa_folder / "test/labels/test0.png")
    item = LapaFolder(lapa_folder, "labels", LAPA, "resize").items("test")[0]
    if resized:
        assert item.read()[1].shape == (21, 41)
    else:
        with pytest.raises(BadFile, match="one size for both, EXIF"):
            item.read()
