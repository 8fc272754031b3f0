"""COCO's instances: the labels pixel by pixel, the layouts, and damaged files."""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.coco import read_coco
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from tests.faceseg.data.formats.face_grid import (
    EYE,
    FACE,
    HEIGHT,
    SKIN,
    WIDTH,
    grid,
    labels_of,
    problem_of,
    save_image,
    save_turned,
)

Content = dict[str, Any]


def flat(points: list[list[float]]) -> list[float]:
    return [number for point in points for number in point]


def annotation(number: int, category: int, segmentation: object) -> Content:
    return {
        "id": number, "image_id": 5, "category_id": category, "segmentation": segmentation,
        "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0,
    }  # fmt: skip


def face() -> Content:
    return {
        "info": {"year": 2026},
        "licenses": [],
        "images": [{"id": 5, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 7, "name": "skin"}, {"id": 3, "name": "eye"}],
        "annotations": [annotation(1, 3, [flat(EYE)]), annotation(2, 7, [flat(SKIN)])],
    }


def write(file: Path, content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_image(tmp_path / "images/a.png")
    write(tmp_path / "annotations/instances_default.json", face())
    return tmp_path


def changed(folder: Path, change: Callable[[Content], object]) -> Path:
    content = copy.deepcopy(face())
    change(content)
    write(folder / "annotations/instances_default.json", content)
    return folder


def test_polygons(folder: Path) -> None:
    found = read_coco(folder)
    assert found.classes == ("background", "skin", "eye")
    assert [image.id for image in found.splits[ALL]] == ["a"]
    np.testing.assert_array_equal(labels_of(found), FACE)
    assert found.root == folder
    assert found.index_files == (folder / "annotations/instances_default.json",)
    assert found.splits[ALL][0].files == (folder / "images/a.png",)


def test_a_polygon_with_fractions_is_as_pycocotools_2_0_11_rasterised_it(folder: Path) -> None:
    points = [3.2, 1.1, 6.7, 2.4, 5.5, 5.9, 2.1, 4.6]
    changed(folder, lambda content: content.update(annotations=[annotation(1, 7, [points])]))
    expected = grid("00000000", "00010000", "00011110", "00111100", "00111100", "00001100")
    np.testing.assert_array_equal(labels_of(read_coco(folder)), expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_run_lengths(folder: Path, compressed: bool) -> None:
    skin = FACE > 0
    # Down the columns: 6 outside and 1, 4 inside, 2 outside, ... and at last 1 and 6 outside.
    counts: object = [7, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 7]
    if compressed:
        counts = mask.encode(np.asfortranarray(skin.astype(np.uint8)))["counts"].decode()
    runs = {"size": [HEIGHT, WIDTH], "counts": counts}

    def change(content: Content) -> None:
        content["annotations"][1].update(segmentation=runs, iscrowd=1)

    np.testing.assert_array_equal(labels_of(read_coco(changed(folder, change))), FACE)


def test_several_polygons_are_one_annotation(folder: Path) -> None:
    left, right = [1, 1, 2, 1, 2, 2, 1, 2], [5, 1, 6, 1, 6, 2, 5, 2]
    changed(folder, lambda content: content.update(annotations=[annotation(1, 7, [left, right])]))
    expected = np.zeros((HEIGHT, WIDTH))
    expected[1, [1, 5]] = 1
    np.testing.assert_array_equal(labels_of(read_coco(folder)), expected)


def test_an_image_without_annotations_is_background_and_counted(folder: Path) -> None:
    found = read_coco(changed(folder, lambda content: content["annotations"].clear()))
    assert not labels_of(found).any()
    assert found.notes == ("1 images without annotations are background",)


def test_a_photograph_with_exif_rotation(folder: Path) -> None:
    save_turned(folder / "images/a.jpg")
    changed(folder, lambda content: content["images"][0].update(file_name="a.jpg"))
    np.testing.assert_array_equal(labels_of(read_coco(folder)), FACE)

    def turned(content: Content) -> None:
        content["images"][0].update(file_name="a.jpg", width=HEIGHT, height=WIDTH)

    assert "without the photograph's EXIF rotation" in problem_of(
        read_coco(changed(folder, turned))
    )


def test_the_layout_of_coco_2017(tmp_path: Path) -> None:
    for split in ("train2017", "val2017"):
        save_image(tmp_path / split / "a.png")
        write(tmp_path / f"annotations/instances_{split}.json", face())
    write(tmp_path / "annotations/captions_train2017.json", {})
    found = read_coco(tmp_path)
    assert {split: images[0].image_file for split, images in found.splits.items()} == {
        "train": tmp_path / "train2017/a.png",
        "val": tmp_path / "val2017/a.png",
    }
    np.testing.assert_array_equal(labels_of(found, "val"), FACE)


def test_the_layout_of_roboflow(tmp_path: Path) -> None:
    # Roboflow lists the group of all categories as a category that no annotation has.
    content = face()
    content["categories"] = [{"id": 0, "name": "parts", "supercategory": "none"}] + [
        {**each, "supercategory": "parts"} for each in content["categories"]
    ]
    for split in ("train", "valid", "test"):
        save_image(tmp_path / split / "a.png")
        write(tmp_path / split / "_annotations.coco.json", content)
    found = read_coco(tmp_path)
    assert found.classes == ("background", "skin", "eye")
    assert list(found.splits) == ["test", "train", "val"]
    np.testing.assert_array_equal(labels_of(found, "test"), FACE)


def test_one_file_beside_its_images(tmp_path: Path) -> None:
    save_image(tmp_path / "faces/a.png")
    file = write(
        tmp_path / "faces.json",
        face() | {"images": [face()["images"][0] | {"file_name": "faces/a.png"}]},
    )
    for path in (tmp_path, file):
        np.testing.assert_array_equal(labels_of(read_coco(path)), FACE)


def test_categories_are_matched_by_name_where_files_number_them_differently(tmp_path: Path) -> None:
    save_image(tmp_path / "images/a.png")
    write(tmp_path / "annotations/instances_train.json", face())
    other = face() | {"categories": [{"id": 3, "name": "skin"}, {"id": 7, "name": "eye"}]}
    other["annotations"] = [annotation(1, 7, [flat(EYE)]), annotation(2, 3, [flat(SKIN)])]
    write(tmp_path / "annotations/instances_val.json", other)
    np.testing.assert_array_equal(labels_of(read_coco(tmp_path), "val"), FACE)


def test_pycocotools_is_asked_for_only_where_polygons_need_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setattr("faceseg.data.formats.coco.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"pip install 'faceseg\[coco\]'"):
        read_coco(folder)
    runs = {"size": [HEIGHT, WIDTH], "counts": [48]}
    changed(folder, lambda content: content.update(annotations=[annotation(1, 7, runs)]))
    assert not labels_of(read_coco(folder)).any()


# --- Damage.


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (json.dumps(face())[:-20], "Invalid JSON: EOF"),
        ("[" * 100_000, "recursion limit"),
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ("{}", "images: Field required"),
        (json.dumps(face() | {"images": 3}), "images: Input should be a valid array"),
        (json.dumps(face() | {"annotations": [{"image_id": 5}]}), "category_id: Field required"),
        (json.dumps(face() | {"images": face()["images"] * 2}), "two images have the id 5"),
        (
            json.dumps(face() | {"categories": face()["categories"] * 2}),
            "two categories have the id 7",
        ),
        (
            json.dumps(face() | {"annotations": face()["annotations"] * 2}),
            "two annotations have the id 1",
        ),
        (json.dumps(face() | {"images": []}), "2 annotations belong to images that are not listed"),
        (json.dumps(face() | {"categories": []}), "0 labels"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(folder: Path, text: str, wrong: str) -> None:
    (folder / "annotations/instances_default.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=wrong) as caught:
        read_coco(folder)
    assert str(folder) in str(caught.value)


def segmentation(value: object) -> Callable[[Content], object]:
    return lambda content: content["annotations"][1].update(segmentation=value)


def runs(size: list[int], counts: object) -> Callable[[Content], object]:
    return segmentation({"size": size, "counts": counts})


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (segmentation(7), "annotation 2: segmentation: Input should be a valid list"),
        (segmentation([7]), "0: Input should be a valid list"),
        (segmentation([["1", 2, 3, 4, 5, 6]]), "0.0: Input should be a valid number"),
        (segmentation([[float("nan")] * 6]), "not finite"),
        (segmentation([[1e12] * 6]), "too large"),
        (segmentation([]), "no segmentation"),
        (segmentation(None), "segmentation: Input should be a valid list"),
        (segmentation([[1, 2, 3, 4, 5]]), "a polygon of 5 numbers"),
        (segmentation([[1, 2, 3, 4]]), "a polygon of 2 points"),
        (runs([HEIGHT, WIDTH], [3, 4]), "run lengths of 7 pixels for 8 x 6"),
        (runs([HEIGHT, WIDTH], [-3, 51]), "negative length"),
        (runs([HEIGHT, WIDTH], [2**70]), "beyond the mask|valid integer"),
        (runs([HEIGHT, WIDTH], "04"), "run lengths of 4 pixels"),
        (runs([HEIGHT, WIDTH], "~~"), "compressed run lengths that are damaged"),
        (runs([WIDTH, HEIGHT], [48]), "run lengths for 6 x 8"),
        (runs([HEIGHT], [48]), "size"),
        (lambda content: content["annotations"][1].update(category_id=9), "unknown category 9"),
        (lambda content: content["images"][0].update(width=9), "annotated at 9 x 6, the image"),
        (lambda content: content["images"][0].update(file_name="../../b.png"), "'../../b.png'"),
    ],
)  # fmt: skip
def test_a_damaged_annotation_is_a_problem_of_its_image(
    folder: Path, change: Callable[[Content], object], wrong: str
) -> None:
    found = read_coco(changed(folder, change))
    with pytest.raises(BadFile, match=wrong) as caught:
        found.splits[ALL][0].read()
    assert caught.value.file == str(folder / "annotations/instances_default.json")


def test_a_missing_image_is_named(folder: Path) -> None:
    (folder / "images/a.png").unlink()
    assert problem_of(read_coco(folder)).startswith(f"{folder}/images/a.png: cannot be read")


def test_other_layouts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="contains no COCO file; expected annotations/"):
        read_coco(tmp_path)
    write(tmp_path / "set/annotations/instances_default.json", face())
    with pytest.raises(UserError, match=rf"Did you mean {tmp_path}/set\?"):
        read_coco(tmp_path)
    write(tmp_path / "set/annotations/instances_train.json", face())
    with pytest.raises(UserError, match="are not one file for each split"):
        read_coco(tmp_path / "set")
    with pytest.raises(UserError, match="does not exist"):
        read_coco(tmp_path / "none")
