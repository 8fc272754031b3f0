"""Problems of a data set stop its packing with a report, or are skipped and listed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.findings import Findings
from faceseg.data.lapa import LapaFolder
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split
from faceseg.errors import UserError
from tests.faceseg.data.hostile_images import jpeg_of_many_scans, palette_png_without_palette

SIZE = (16, 24)  # wide enough for each of the eleven stripes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "packs"


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


TWO = ClassSet(names=("background", "face"), palette=((0, 0, 0), (9, 9, 9)), face=(1,))


def relabel(folder: Path, split: str, change: Callable[[NDArray[np.uint8]], object]) -> None:
    """Replace each label map (H, W) of a split."""
    for file in (folder / split / "labels").iterdir():
        labels = np.asarray(Image.open(file))
        Image.fromarray(np.asarray(change(labels), dtype=np.uint8)).save(file)


def refusal(folder: Path, root: Path, classes: ClassSet) -> str:
    """Return the message with which the labels are refused, in both ways to handle bad pairs."""
    with pytest.raises(UserError, match="would mean nothing, so nothing was packed") as refused:
        build_pack(LapaFolder(folder, classes=classes), root, classes, SIZE, on_bad="skip")
    assert list(root.iterdir()) == []
    return str(refused.value)


@pytest.mark.parametrize("classes", [TWO, LAPA], ids=["two classes", "LaPa"])
def test_masks_of_0_and_255_are_recognised(
    classes: ClassSet, lapa_folder: Path, root: Path
) -> None:
    for split in ("train", "val", "test"):
        relabel(lapa_folder, split, lambda labels: 255 * (labels == 1))
    message = refusal(lapa_folder, root, classes)
    assert "no label of test contains a foreground class" in message
    assert "are these masks of 0 and 255?" in message
    assert "write 1 for the foreground" in message


def test_a_training_split_of_background_only_is_refused(lapa_folder: Path, root: Path) -> None:
    relabel(lapa_folder, "train", lambda labels: 0 * labels)
    message = refusal(lapa_folder, root, LAPA)
    assert "no label of train contains a foreground class: every pixel has the id 0" in message


def test_labels_of_which_almost_everything_is_ignored_are_refused(
    lapa_folder: Path, root: Path
) -> None:
    def nine_pixels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        kept = np.full_like(labels, 255)
        kept.flat[:9] = 1
        return kept

    relabel(lapa_folder, "val", nine_pixels)
    message = refusal(lapa_folder, root, LAPA)
    assert "99.3% of the pixels of val have the id 255, which is ignored" in message


def test_points_on_a_fiftieth_of_the_pixels_are_enough(lapa_folder: Path, root: Path) -> None:
    def keep(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        kept = np.full_like(labels, 255)
        kept[::7, ::7] = labels[::7, ::7]
        return kept

    relabel(lapa_folder, "train", keep)
    build_pack(LapaFolder(lapa_folder), root, LAPA, (32, 40))


def test_labels_of_another_class_set_are_refused(lapa_folder: Path, root: Path) -> None:
    for split in ("train", "val", "test"):
        relabel(lapa_folder, split, lambda labels: labels == 1)
    message = refusal(lapa_folder, root, LAPA)
    assert "contain only the ids 0, 1 of 11 classes" in message
    assert "Is data.classes the class set of these labels?" in message


def test_foreground_that_vanishes_in_the_packed_size_is_refused(
    lapa_folder: Path, root: Path
) -> None:
    def one_pixel(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        kept = np.zeros_like(labels)
        kept[0, 1] = 1
        return kept

    for split in ("train", "val", "test"):
        relabel(lapa_folder, split, one_pixel)
    message = refusal(lapa_folder, root, TWO)
    assert "at the size data.image_size, nothing is left of the ids 0, 1" in message


def test_a_class_in_no_split_and_one_that_cannot_be_learnt_cause_warnings(
    lapa_folder: Path, root: Path
) -> None:
    """A small data set may have no open mouth: the scores of the other classes are right."""
    for split in ("train", "val", "test"):
        relabel(lapa_folder, split, lambda labels: np.where(labels == 8, 7, labels))
    relabel(lapa_folder, "train", lambda labels: np.where(labels == 10, 0, labels))
    warnings = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1].warnings
    assert warnings[0].startswith("classes that occur in no split: inner_mouth. They have no score")
    assert warnings[1].startswith("classes that occur nowhere in train: hair. No network can learn")
    assert len(warnings) == 2


def test_some_masks_of_0_and_255_cause_a_warning(lapa_folder: Path, root: Path) -> None:
    file = lapa_folder / "val/labels/val1.png"
    Image.fromarray(np.uint8(255 * (np.asarray(Image.open(file)) == 1))).save(file)
    (warning,) = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1].warnings
    assert warning.startswith("label maps of val that contain only 0 and 255: 1; are these masks")


def test_a_pack_without_foreground_of_an_earlier_version_is_not_used(
    lapa_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relabel(lapa_folder, "train", lambda labels: 0 * labels)
    with monkeypatch.context() as earlier:
        earlier.setattr(Findings, "meaningless_labels", lambda findings: None)
        build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)
    with pytest.raises(UserError, match="no label of train contains a foreground class"):
        build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)


def test_a_class_that_never_occurs_causes_a_warning(lapa_folder: Path, root: Path) -> None:
    for file in (lapa_folder / "val/labels").iterdir():
        Image.new("L", (40, 32), 10).save(file)
    warnings = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1].warnings
    assert warnings[0].startswith("classes that occur nowhere in val: background, skin, ")


def test_labels_that_were_resized_bilinearly_cause_a_warning(lapa_folder: Path, root: Path) -> None:
    labels = Image.fromarray(np.kron(np.array([[0, 10], [10, 0]], np.uint8), np.ones((64, 64))))
    labels = labels.convert("L")
    smooth = labels.resize((200, 160), Image.Resampling.BILINEAR)
    for name, mask in (("train1", smooth), ("train3", labels.resize((200, 160), 0))):
        mask.save(lapa_folder / f"train/labels/{name}.png")
        with Image.open(lapa_folder / f"train/images/{name}.png") as image:
            image.resize((200, 160)).save(lapa_folder / f"train/images/{name}.png")
    (warning,) = build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)[1].warnings
    assert warning.startswith("label maps of train with ids that lie between others along borders")
    assert "resize masks with nearest: 1, first train1 with ids " in warning


def test_unknown_ids_of_a_bilinear_resizing_are_told(lapa_folder: Path, root: Path) -> None:
    mask = Image.fromarray(np.kron(np.array([[0, 255]], np.uint8), np.ones((100, 60))))
    mask.convert("L").resize((40, 32), Image.Resampling.BICUBIC).resize(
        (200, 160), Image.Resampling.BILINEAR
    ).save(lapa_folder / "val/labels/val1.png")
    with pytest.raises(UserError, match=r"outside the class set: .*; ids lie between others"):
        build_pack(LapaFolder(lapa_folder), root, LAPA, SIZE)
