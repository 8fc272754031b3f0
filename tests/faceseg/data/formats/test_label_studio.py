"""Label Studio's export: the labels pixel by pixel, and damaged files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.label_studio import read_label_studio
from faceseg.data.problems import BadFile
from faceseg.errors import UserError
from tests.faceseg.data.formats.face_grid import (
    EYE,
    FACE,
    HEIGHT,
    SKIN,
    WIDTH,
    labels_of,
    problem_of,
    save_image,
    save_turned,
)

Content = dict[str, Any]


def region(kind: str, label: str, **value: object) -> Content:
    return {
        "id": "r1", "type": kind, "from_name": "label", "to_name": "image", "origin": "manual",
        "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
        "value": {**value, kind: [label]},
    }  # fmt: skip


def polygon(label: str, corners: list[list[float]]) -> Content:
    percentages = [[x / WIDTH * 100, y / HEIGHT * 100] for x, y in corners]
    return region("polygonlabels", label, points=percentages, closed=True)


FACE_REGIONS = [polygon("eye", EYE), polygon("skin", SKIN)]


def annotation(*results: Content, cancelled: bool = False) -> Content:
    return {"id": 1, "completed_by": 1, "result": list(results), "was_cancelled": cancelled}


def task(*annotations: Content, number: int = 1, image: str = "/data/upload/1/a.png") -> Content:
    return {"id": number, "annotations": list(annotations), "data": {"image": image}}


def write(folder: Path, content: object) -> Path:
    (folder / "export.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


LABELS = ("skin", "eye")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_image(tmp_path / "images/a.png")
    return tmp_path


def test_polygons(folder: Path) -> None:
    found = read_label_studio(write(folder, [task(annotation(*FACE_REGIONS))]))
    assert found.classes == ("background", "eye", "skin")
    assert found.index_files == (folder / "export.json",)
    np.testing.assert_array_equal(labels_of(found), np.array([0, 2, 1])[FACE])
    assert read_label_studio(folder / "export.json").classes == found.classes


# What label-studio-sdk 2.1.2 (`mask2rle`) wrote for FACE > 0 as a mask.
SKIN_BRUSH = [
    0,
    0,
    0,
    192,
    57,
    27,
    254,
    35,
    0,
    194,
    255,
    243,
    128,
    97,
    127,
    249,
    192,
    48,
    191,
    252,
    224,
    24,
    95,
    255,
    17,
    128,
    0,
]


@pytest.mark.parametrize(
    "skin",
    [
        region("rectanglelabels", "skin", x=12.5, y=100 / 6, width=75, height=400 / 6, rotation=0),
        # Its upper left corner before the rotation is the upper right one of the face, (7, 1).
        region("rectanglelabels", "skin", x=87.5, y=100 / 6, width=50, height=100, rotation=90),
        region("brushlabels", "skin", format="rle", rle=SKIN_BRUSH),
    ],
)
def test_regions_with_an_area(folder: Path, skin: Content) -> None:
    # A turned rectangle is 4 pixels wide, which are 50 % of 8, and 6 high, which are 100 % of 6.
    content = [task(annotation(FACE_REGIONS[0], skin))]
    found = read_label_studio(write(folder, content), LABELS)
    np.testing.assert_array_equal(labels_of(found), FACE)


def test_an_ellipse(folder: Path) -> None:
    # 1 and 2.6 pixels before it is turned by 90 degrees about (4, 3).
    values = {"x": 50, "y": 50, "radiusX": 100 / 8, "radiusY": 260 / 6, "rotation": 90}
    ellipse = region("ellipselabels", "skin", **values)
    expected = np.zeros((HEIGHT, WIDTH))
    expected[2:4, 2:6] = 1
    found = read_label_studio(write(folder, [task(annotation(ellipse))]))
    np.testing.assert_array_equal(labels_of(found), expected)


def test_the_first_annotation_that_was_not_cancelled_is_used(folder: Path) -> None:
    content = [
        task(
            annotation(polygon("eye", SKIN), cancelled=True),
            annotation(*FACE_REGIONS),
            annotation(polygon("eye", SKIN)),
        ),
        task(annotation(cancelled=True), number=2, image="b.png"),
        task(number=3, image="c.png"),
    ]
    found = read_label_studio(write(folder, content), LABELS)
    np.testing.assert_array_equal(labels_of(found), FACE)
    assert len(found.splits[ALL]) == 1
    assert found.notes == (
        "2 tasks have no completed annotation and were left out",
        "1 tasks have several annotations, of which the first is used",
    )


def test_other_results_are_left_out_and_counted(folder: Path) -> None:
    others = [
        region("keypointlabels", "nose", x=1, y=1, width=1),
        {"type": "choices", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "r1", "to_id": "r2"},
    ]
    found = read_label_studio(write(folder, [task(annotation(*FACE_REGIONS, *others))]), LABELS)
    np.testing.assert_array_equal(labels_of(found), FACE)
    assert found.notes[1] == "1 results of the type 'keypointlabels' were left out"


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/1/a.png",
        "/data/upload/1/0a1b2c3d-a.png",
        "upload\\1\\a.png",
        "/data/local-files/?d=images/a.png",
        "/data/local-files/?d=other/a.png",
        "/storage-data/uploaded/?filepath=upload/1/0a1b2c3d-a.png",
        "s3://bucket/faces/a.png",
        "https://example.org/faces/a.png?signature=x%2Fy.png",
        "../../etc/a.png",  # the name alone counts
    ],
)
def test_the_image_is_found_by_the_end_of_its_address(folder: Path, address: str) -> None:
    content = [task(annotation(*FACE_REGIONS), image=address)]
    found = read_label_studio(write(folder, content))
    assert found.splits[ALL][0].image_file == folder / "images/a.png"


def test_a_path_chooses_between_images_of_one_name(folder: Path) -> None:
    save_image(folder / "others/a.png")
    content = [
        task(annotation(), *[annotation(*FACE_REGIONS)], image="/data/local-files/?d=others/a.png")
    ]
    found = read_label_studio(write(folder, content), LABELS)
    assert found.splits[ALL][0].image_file == folder / "others/a.png"
    found = read_label_studio(write(folder, [task(annotation())]), LABELS)
    assert "task 1: 2 images are named 'a.png' (images/a.png, others/a.png)" in problem_of(found)


def test_a_photograph_with_exif_rotation(folder: Path) -> None:
    # Browsers show it upright, and Label Studio writes the upright size.
    (folder / "images/a.png").unlink()
    save_turned(folder / "images/b.jpg")
    write(folder, [task(annotation(*FACE_REGIONS), image="b.jpg")])
    np.testing.assert_array_equal(labels_of(read_label_studio(folder, LABELS)), FACE)
    save_image(folder / "images/b.jpg", (HEIGHT, WIDTH))
    problem = problem_of(read_label_studio(folder, LABELS))
    assert "without the photograph's EXIF rotation" in problem


# --- Damage.


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (json.dumps([task(annotation(*FACE_REGIONS))])[:-9], "Invalid JSON: EOF"),
        ("[" * 100_000, "recursion limit"),
        ("", "Invalid JSON"),
        ("7", "Input should be a valid array"),
        ('[{"image": "a.png", "label": []}]', r"not JSON-MIN"),
        (json.dumps([{"id": 1, "data": {}, "annotations": 7}]), "0.annotations: Input should be a"),
        (json.dumps([task(annotation(*FACE_REGIONS))] * 2), "two tasks have the id 1"),
        (
            json.dumps([task(annotation(*FACE_REGIONS), number=number) for number in (1, 2)]),
            "2 images have the id 'a'",
        ),
        (json.dumps([task(annotation())]), "0 labels"),
        ("[]", "0 labels"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(folder: Path, text: str, wrong: str) -> None:
    (folder / "export.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=wrong) as caught:
        read_label_studio(folder)
    assert str(folder / "export.json") in str(caught.value)


def value(**changes: object) -> Callable[[Content], object]:
    return lambda region: region["value"].update(changes)


def brush(rle: object) -> Callable[[Content], object]:
    return lambda region: region.update(region_of_brush(rle))


def region_of_brush(rle: object) -> Content:
    return region("brushlabels", "skin", format="rle", rle=rle)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (value(points=7), "task 1, region 0: points: Input should be a valid list"),
        (value(points=[[1, 2], [3, 4]]), "a polygon of 2 points"),
        (value(points=[[1, 2], [3, float("nan")], [4, 4]]), "finite number"),
        (value(points=[[1, 2], [3, 1e30], [4, 4]]), "too large"),
        (value(points=[[1, 2], ["3", 1], [4, 4]]), "points.1.0: Input should be a valid number"),
        (value(polygonlabels=["hat"]), "unknown label 'hat'; expected one of skin, eye"),
        (value(polygonlabels=["skin", "eye"]), "a region of 2 labels"),
        (value(polygonlabels=[]), "a region of 0 labels"),
        (lambda region: region.update(value=3), "Input should be"),
        (lambda region: region.pop("original_width"), "original_width: Field required"),
        (lambda region: region.update(original_width=9), "annotated at 9 x 6, the image is 8 x 6"),
        (lambda region: region.update(image_rotation=90), "rotated by 90 degrees"),
        (brush([0, 0, 0]), "a brush mask that ends early"),
        (brush(SKIN_BRUSH[:-2]), "a brush mask that ends early"),
        (brush([255] * 30), "4,294,967,295 values"),
        (brush([300]), "numbers that are no bytes"),
        (brush([-1]), "numbers that are no bytes"),
        (brush("abc"), "rle: Input should be a valid list"),
    ],
)
def test_a_damaged_region_is_a_problem_of_its_image(
    folder: Path, change: Callable[[Content], object], wrong: str
) -> None:
    damaged = polygon("skin", SKIN)
    change(damaged)
    found = read_label_studio(write(folder, [task(annotation(damaged))]), LABELS)
    with pytest.raises(BadFile, match=wrong) as caught:
        found.splits[ALL][0].read()
    assert caught.value.file == str(folder / "export.json")


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"image": "b.png"}, "task 1: no image 'b.png' below"),
        ({"text": "hello"}, "task 1: 0 addresses of images"),
        ({"image": 7}, "task 1: 0 addresses of images"),
        ({"left": "a.png", "right": "b.png"}, "task 1: 2 addresses of images"),
        ({"image": "http://[a.png"}, "task 1: 0 addresses of images"),
    ],
)
def test_an_image_that_cannot_be_found_is_a_problem(
    folder: Path, data: Content, wrong: str
) -> None:
    content = [task(annotation(*FACE_REGIONS)) | {"data": data}]
    assert wrong in problem_of(read_label_studio(write(folder, content)))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    folder = save_image(tmp_path / "set/images/a.png").parents[1]
    with pytest.raises(UserError, match=r"contains 0 JSON files; .* found: images/"):
        read_label_studio(folder)
    write(folder, [task(annotation(*FACE_REGIONS))])
    with pytest.raises(UserError, match=rf"Did you mean {folder}\?"):
        read_label_studio(tmp_path)
    (folder / "more.json").touch()
    with pytest.raises(UserError, match="contains 2 JSON files"):
        read_label_studio(folder)
