"""Problems of a data set stop its packing with a report, or are skipped and listed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.lapa import LapaFolder
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split
from faceseg.errors import UserError
from tests.faceseg.data.hostile_images import jpeg_of_many_scans, palette_png_without_palette
from tests.faceseg.data.small_packs import SIZE


@pytest.fixture
def spoilt(lapa_folder: Path) -> Path:
    """Return the small data set with an empty image, a coloured label map and an unknown id."""
    (lapa_folder / "train/images/train0.jpg").write_bytes(b"")
    painted = LAPA.colour(np.full((32, 40), 3, dtype=np.uint8))
    Image.fromarray(painted).save(lapa_folder / "train/labels/train2.png")
    Image.new("L", (40, 32), 12).save(lapa_folder / "val/labels/val1.png")
    return lapa_folder


def test_all_problems_are_reported_together_and_no_pack_is_left(spoilt: Path, root: Path) -> None:
    with pytest.raises(UserError) as caught:
        build_pack(LapaFolder(spoilt), root, LAPA, SIZE)
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 of 8 pairs cannot be used, so nothing was packed:"
    assert lines[1] == (
        "  val/labels/val1.png: 1280 pixels have ids outside the class set: 12; "
        "expected ids 0 to 10, or 255 for ignored pixels"
    )
    assert lines[2].startswith("  train/images/train0.jpg: empty file (0 bytes); expected a whole")
    assert lines[3].startswith("  train/labels/train2.png: a colour image")
    assert "data.on_bad: skip" in lines[4]
    assert list(root.iterdir()) == []


def test_twenty_problems_are_listed_and_the_rest_counted(lapa_folder: Path, root: Path) -> None:
    for number in range(23):
        (lapa_folder / f"train/images/x{number:02}.jpg").touch()
    with pytest.raises(UserError) as caught:
        build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("23 of 31 pairs")
    assert "x19.jpg" in lines[20]
    assert lines[21] == "  and 3 more"


def test_skip_leaves_bad_pairs_out_and_lists_them(spoilt: Path, root: Path) -> None:
    folder, manifest = build_pack(LapaFolder(spoilt), root, LAPA, SIZE, on_bad="skip")
    assert open_split(folder, "train").ids == ("train1", "train3")
    assert open_split(folder, "train").images.shape == (2, 16, 24, 3)
    assert open_split(folder, "val").ids == ("val0",)
    assert [(each.split, each.id) for each in manifest.problems] == [
        ("val", "val1"),
        ("train", "train0"),
        ("train", "train2"),
    ]
    assert manifest.splits["train"].count == 2


def test_skip_leaves_out_what_breaks_or_occupies_a_decoder(lapa_folder: Path, root: Path) -> None:
    images = lapa_folder / "train/images"
    for name, content in (
        ("train0.jpg", palette_png_without_palette()),
        ("train1.png", jpeg_of_many_scans(3000)),
    ):
        assert (images / name).is_file()
        (images / name).write_bytes(content)
    folder, manifest = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE, on_bad="skip")
    assert open_split(folder, "train").ids == ("train2", "train3")
    wrong = [each.wrong for each in manifest.problems]
    assert wrong[0] == "broken or truncated (a palette image without a palette)"
    assert wrong[1].startswith("a JPEG of 101 scans or more")


def test_a_split_without_usable_images_stops_the_packing_with_skip_too(
    spoilt: Path, root: Path
) -> None:
    for file in (spoilt / "val/images").iterdir():
        file.write_bytes(b"")
    with pytest.raises(UserError, match="'val' has no usable image: 2 given, all left out"):
        build_pack(LapaFolder(spoilt), root, LAPA, SIZE, on_bad="skip")
    assert list(root.iterdir()) == []


def test_the_same_file_in_two_splits_is_a_problem(lapa_folder: Path, root: Path) -> None:
    shutil.copy(lapa_folder / "test/images/test0.jpg", lapa_folder / "train/images/train2.jpg")
    with pytest.raises(UserError, match=r"train/train2: the same picture as test/test0"):
        build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)


def test_repeated_pixels_in_another_format_are_removed_from_other_splits_than_test(
    lapa_folder: Path, root: Path
) -> None:
    picture = Image.open(lapa_folder / "test/images/test0.jpg")
    for copy in ("val/images/val1.png", "train/images/train1.png"):
        picture.save(lapa_folder / copy)
    picture.close()
    folder, manifest = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE, on_bad="skip")
    assert [each.file for each in manifest.problems] == ["val/val1", "train/train1"]
    assert open_split(folder, "test").ids == ("test0", "test1")


def test_a_repeat_within_a_split_is_counted(lapa_folder: Path, root: Path) -> None:
    shutil.copy(lapa_folder / "train/images/train0.jpg", lapa_folder / "train/images/train2.jpg")
    manifest = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1]
    assert manifest.splits["train"].repeated == 1
    assert manifest.splits["test"].repeated == 0
    assert manifest.warnings == (
        "images of train that repeat the pixels of another image of train: 1",
    )


def test_photographs_in_two_splits_are_reported(lapa_folder: Path, root: Path) -> None:
    for old, new in (("train/{}/train1.png", "HELEN_1_1_0"), ("val/{}/val1.png", "HELEN_1_1_5")):
        for kind in ("images", "labels"):
            file = lapa_folder / old.format(kind)
            file.rename(file.with_stem(new))
    manifest = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1]
    assert manifest.shared_photos == {"val+train": 1}
    assert manifest.warnings == ("photographs with images in both splits of val+train: 1",)
