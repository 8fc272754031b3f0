"""Labels that would mean nothing are refused; doubtful ones cause a warning."""

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
from faceseg.errors import UserError
from tests.faceseg.data.small_packs import SIZE

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
    question = "Is the class set (data.classes, or --classes of convert) that of these labels?"
    assert question in message


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
