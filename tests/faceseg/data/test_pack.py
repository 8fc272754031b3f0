"""A pack contains all images of its source, is complete or absent, and has a manifest."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.data.images import read_image, read_labels, resize_image, resize_labels
from faceseg.data.manifest import Manifest
from faceseg.data.pack import build_pack
from faceseg.data.split import open_split
from faceseg.errors import UserError
from tests.faceseg.data.small_packs import SIZE, prepared


def test_a_split_contains_every_image_resized(lapa_folder: Path, root: Path) -> None:
    folder, _ = prepared(lapa_folder, root)
    split = open_split(folder, "train")
    assert len(split) == 4
    assert split.ids == ("train0", "train1", "train2", "train3")
    assert split.images.shape == (4, *SIZE, 3)
    assert split.images.dtype == np.uint8
    assert split.labels.shape == (4, *SIZE)
    assert split.labels.dtype == np.uint8
    for index, suffix in enumerate(("jpg", "png", "jpg", "png")):
        image = read_image(lapa_folder / f"train/images/train{index}.{suffix}")
        labels = read_labels(lapa_folder / f"train/labels/train{index}.png", LAPA)
        np.testing.assert_array_equal(split.images[index], resize_image(image, SIZE))
        np.testing.assert_array_equal(split.labels[index], resize_labels(labels, SIZE))


def test_a_split_is_a_read_only_memory_map(lapa_folder: Path, root: Path) -> None:
    split = open_split(prepared(lapa_folder, root)[0], "train")
    assert isinstance(split.images, np.memmap)
    assert not split.images.flags.writeable


def test_originals_of_any_size_are_restored(lapa_folder: Path, root: Path) -> None:
    Image.new("RGB", (7, 90), (1, 2, 3)).save(lapa_folder / "test/images/odd.png")
    Image.new("L", (7, 90), 5).save(lapa_folder / "test/labels/odd.png")
    split = open_split(prepared(lapa_folder, root)[0], "test")
    assert split.ids == ("odd", "test0", "test1")
    image, labels = split.original(0)
    assert image.shape == (90, 7, 3)
    assert np.all(image == (1, 2, 3))
    assert labels.shape == (90, 7)
    assert np.all(labels == 5)
    image, labels = split.original(2)
    np.testing.assert_array_equal(image, read_image(lapa_folder / "test/images/test1.png"))
    assert labels.shape == (32, 40)


def test_training_images_keep_no_originals(lapa_folder: Path, root: Path) -> None:
    split = open_split(prepared(lapa_folder, root)[0], "train")
    assert not split.has_originals
    with pytest.raises(ValueError, match="keeps no originals"):
        split.original(0)


def test_the_facts_of_an_image_are_kept_with_its_original(root: Path) -> None:
    source = DrawnFaces(counts={"train": 2, "val": 2, "test": 3}, size=32, seed=5)
    folder, _ = build_pack(source, root, LAPA, (32, 32))
    test = open_split(folder, "test")
    assert len(test.facts) == 3
    for item, facts in zip(source.items("test"), test.facts, strict=True):
        assert facts == item.facts(item.read()[1])
    assert len(open_split(folder, "val").facts) == 2
    with pytest.raises(ValueError, match="keeps no originals"):
        _ = open_split(folder, "train").facts


def test_bilinear_masks_change_the_labels_of_training_and_validation_only(root: Path) -> None:
    source = DrawnFaces(counts={"train": 2, "val": 2, "test": 2}, size=48, seed=5)
    right, manifest = build_pack(source, root, LAPA, (32, 32))
    wrong, spoilt = build_pack(source, root, LAPA, (32, 32), label_resizing="bilinear")
    assert (manifest.label_resizing, spoilt.label_resizing) == ("nearest", "bilinear")
    assert manifest.splits["test"].digest == spoilt.splits["test"].digest
    for name in ("train", "val"):
        good, bad = open_split(right, name), open_split(wrong, name)
        np.testing.assert_array_equal(good.images, bad.images)
        assert np.any(good.labels != bad.labels)
    np.testing.assert_array_equal(
        open_split(right, "val").original(1)[1], open_split(wrong, "val").original(1)[1]
    )


def test_wrong_landmarks_cause_a_warning(lapa_folder: Path, root: Path) -> None:
    (lapa_folder / "test/landmarks/test0.txt").write_text("106\n1 2\n", encoding="utf-8")
    folder, manifest = prepared(lapa_folder, root)
    assert manifest.warnings == (
        "images of test whose landmarks are missing or wrong, so that no slice by pose "
        "contains them: 2",
    )
    first, second = open_split(folder, "test").facts
    assert first == {"landmarks": "3 numbers, or one that is not finite"}
    assert "No such file" in second["landmarks"]


def test_a_split_is_pickled_as_its_path(lapa_folder: Path, root: Path) -> None:
    split = open_split(prepared(lapa_folder, root)[0], "val")
    content = pickle.dumps(split)
    assert len(content) < 500
    copy = pickle.loads(content)  # noqa: S301  # this test pickled it
    np.testing.assert_array_equal(copy.images, split.images)


def test_progress_is_reported_for_each_item(lapa_folder: Path, root: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepared(lapa_folder, root, progress=lambda *each: seen.append(each), threads=3)
    assert seen == [(done, 8) for done in range(1, 9)]


def test_the_manifest_equals_its_file(lapa_folder: Path, root: Path) -> None:
    folder, manifest = prepared(lapa_folder, root)
    assert Manifest.read(folder) == manifest
    read = json.loads((folder / "manifest.json").read_text())
    assert read["splits"]["train"]["count"] == 4
    assert read["image_size"] == [16, 24]
    assert manifest.key == folder.name
    assert manifest.classes == LAPA
    assert list(manifest.splits) == ["train", "val", "test"]
    # 11 stripes of 24 columns: 3 classes have 3 columns of 24, hair has 2.
    shares = manifest.splits["val"].class_shares
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["hair"] == pytest.approx(2 / 24)
    assert [(each.images, each.kept) for each in manifest.sides] == [(8, 8), (8, 8)]
    assert manifest.warnings == ()
    assert manifest.problems == ()


def test_exchanged_sides_cause_a_warning(lapa_folder: Path, root: Path) -> None:
    for file in lapa_folder.glob("*/labels/*.png"):
        Image.fromarray(LAPA.flip_table[read_labels(file, LAPA)]).save(file)
    warnings = prepared(lapa_folder, root)[1].warnings
    assert warnings[0].startswith("left_eyebrow is left of right_eyebrow in only 0% of 8 images")
    assert len(warnings) == 2


def test_a_full_disk_is_detected_before_packing(
    lapa_folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="packing 8 images at 16 x 24 needs more than"):
        prepared(lapa_folder, root)
    assert list(root.iterdir()) == []


def test_a_root_that_is_not_writable_is_refused(lapa_folder: Path, root: Path) -> None:
    root.touch()
    with pytest.raises(UserError, match="cannot write into"):
        prepared(lapa_folder, root)
