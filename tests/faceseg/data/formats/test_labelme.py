"""labelme's files: the labels pixel by pixel, and damaged files."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.labelme import read_labelme
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


def shape(label: str, points: object, kind: str | None = "polygon", **others: object) -> Content:
    return {
        "label": label, "points": points, "group_id": None, "description": "",
        "shape_type": kind, "flags": {}, "mask": None, **others,
    }  # fmt: skip


def content(*shapes: Content, **others: object) -> Content:
    return {
        "version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.png",
        "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH, **others,
    }  # fmt: skip


FACE_SHAPES = (shape("eye", EYE), shape("skin", SKIN))


def write(folder: Path, written: object, name: str = "a.json") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(written), encoding="utf-8")
    return folder


def png(pixels: object, mode: str | None = None) -> str:
    file = io.BytesIO()
    image = Image.fromarray(np.array(pixels, dtype=np.uint8))
    (image.convert(mode) if mode else image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_image(tmp_path / "a.png")
    return tmp_path


def test_polygons(folder: Path) -> None:
    found = read_labelme(write(folder, content(*FACE_SHAPES)))
    assert found.classes == ("background", "eye", "skin")
    np.testing.assert_array_equal(labels_of(found), np.array([0, 2, 1])[FACE])
    assert found.splits[ALL][0].files == (folder / "a.png", folder / "a.json")


def test_the_order_of_labels_txt(folder: Path) -> None:
    lines = "__ignore__\n_background_\nskin\neye\n"
    (folder / "labels.txt").write_text(lines, encoding="utf-8")
    ignored = shape("__ignore__", [[0, 0], [1, 0], [1, 1], [0, 1]])
    found = read_labelme(write(folder, content(*FACE_SHAPES, ignored)))
    assert found.classes == ("background", "skin", "eye")
    assert found.index_files == (folder / "labels.txt",)
    expected = FACE.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(labels_of(found), expected)


@pytest.mark.parametrize(
    "skin",
    [
        shape("skin", [[7, 5], [1, 1]], "rectangle"),
        shape("skin", SKIN, "rectangle"),
        shape("skin", SKIN, "oriented_rectangle"),
        shape("skin", SKIN, None),
        # Columns 1 to 6 and rows 1 to 4, both included.
        shape("skin", [[1, 1], [6, 4]], "mask", mask=png(np.full((4, 6), 255))),
        shape("skin", [[1.7, 1], [6, 4]], "mask", mask=png(np.full((4, 6), 255), "1")),
    ],
)
def test_shapes_with_an_area(folder: Path, skin: Content) -> None:
    found = read_labelme(write(folder, content(shape("eye", EYE), skin)), ["skin", "eye"])
    np.testing.assert_array_equal(labels_of(found), FACE)


def test_a_circle(folder: Path) -> None:
    # Its centre is the corner of four pixels: (3.5, 2.5) is 0.7 away, (4.5, 1.5) is 1.6.
    circle = shape("skin", [[4, 3], [4, 4.6]], "circle")
    expected = grid("00000000", "00011000", "00111100", "00111100", "00011000", "00000000")
    np.testing.assert_array_equal(labels_of(read_labelme(write(folder, content(circle)))), expected)


def test_shapes_without_an_area_are_left_out_and_counted(folder: Path) -> None:
    others = [shape("nose", [[1, 1]], "point"), shape("jaw", [[1, 1], [2, 2]], "line")]
    found = read_labelme(write(folder, content(*FACE_SHAPES, *others)))
    assert found.classes == ("background", "eye", "skin")
    assert (labels_of(found) > 0).tolist() == (FACE > 0).tolist()
    assert found.notes == (
        "1 shapes of the type 'line' have no area and were left out",
        "1 shapes of the type 'point' have no area and were left out",
    )


def test_a_photograph_with_exif_rotation(folder: Path) -> None:
    # labelme applies the rotation, so the size in the file is that of the upright image.
    save_turned(folder / "b.jpg")
    written = content(*FACE_SHAPES, imagePath="b.jpg")
    labels = ["skin", "eye"]
    np.testing.assert_array_equal(labels_of(read_labelme(write(folder, written), labels)), FACE)
    turned = written | {"imageWidth": HEIGHT, "imageHeight": WIDTH}
    problem = problem_of(read_labelme(write(folder, turned), labels))
    assert "without the photograph's EXIF rotation" in problem


def test_files_in_folders_of_splits(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        save_image(tmp_path / split / "images/a.png")
        written = content(*FACE_SHAPES, imagePath="..\\images\\a.png")
        write(tmp_path, written, f"{split}/annotations/a.json")
    found = read_labelme(tmp_path, ["skin", "eye"])
    assert list(found.splits) == ["train", "val"]
    np.testing.assert_array_equal(labels_of(found, "val"), FACE)


# --- Damage.

MASK = [[1, 1], [6, 4]]


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ('{"shapes": [', "Invalid JSON: EOF"),
        ("[" * 100_000, "recursion limit"),
        ("7", "Input should be an object"),
        ("{}", "shapes: Field required"),
        (content() | {"shapes": 7}, "shapes: Input should be a valid array"),
        (content(shape("skin", 7)), "shapes.0.points: Input should be a valid array"),
        (content(shape("skin", [[1, 2, 3]])), "shapes.0.points.0"),
        (content(shape("skin", [[1, float("nan")]] * 3)), "finite number"),
        (content(shape("skin", [[1, 1e300]] * 3)), "shape 0: .* too large"),
        (content(shape("skin", [[1, 1], [2, 2]])), "shape 0: a polygon of 2 points"),
        (content(shape("skin", SKIN[:3], "rectangle")), "a rectangle of 3 points; expected 2 or 4"),
        (content(shape("skin", SKIN, "circle")), "a circle of 4 points"),
        (content(shape("hat", SKIN)), "shape 0: unknown label 'hat'; expected one of skin, eye"),
        (content(shape("skin", MASK, "mask")), "a mask without a PNG"),
        (content(shape("skin", MASK, "mask", mask="!")), "its mask is damaged: not in base64"),
        (content(shape("skin", MASK, "mask", mask="aGVsbG8=")), "its mask is damaged: no image"),
        (content(shape("skin", MASK, "mask", mask=png(np.ones((2, 2))))), r"a mask of \(2, 2\)"),
        (content(shape("skin", MASK, "mask", mask=png(np.ones((4, 6, 3))))), r"\(4, 6, 3\)"),
        (content(shape("skin", MASK, "mask", mask=png(np.ones((50, 50))))), "too large"),
        (content(shape("skin", [[4, 1], [9, 4]], "mask", mask=png(np.ones((4, 6))))), "columns 4"),
        (content(imageWidth=9), "annotated at 9 x 6"),
        (content(imagePath="../a.png"), "contains the file name '../a.png'"),
        (content(imagePath="/data/a.png"), "contains the file name '/data/a.png'"),
        (content(imagePath="b.png"), "its image b.png is missing; expected the image file at"),
        (content(imagePath="b.png", imageData="x"), "the copy in imageData is not read"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_a_problem_of_its_image(
    folder: Path, written: object, wrong: str
) -> None:
    text = written if isinstance(written, str) else json.dumps(written)
    (folder / "a.json").write_text(text, encoding="utf-8")
    found = read_labelme(folder, ["skin", "eye"])
    with pytest.raises(BadFile, match=wrong) as caught:
        found.splits[ALL][0].read()
    assert caught.value.file == str(folder / "a.json")


def test_a_damaged_file_does_not_stop_the_others(folder: Path) -> None:
    write(folder, content(*FACE_SHAPES))
    (folder / "b.json").write_text("{", encoding="utf-8")
    found = read_labelme(folder)
    assert [image.id for image in found.splits[ALL]] == ["a", "b"]
    assert labels_of(found).any()
    assert problem_of(found, 1).startswith(f"{folder}/b.json: Invalid JSON")


def test_other_folders_are_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"contains no JSON file; .* found: a\.png"):
        read_labelme(folder)
    with pytest.raises(UserError, match="is a file"):
        read_labelme(folder / "a.png")
    write(folder, content())
    (folder / "labels.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=r"labels\.txt cannot be read"):
        read_labelme(folder)


def test_other_json_files_are_refused_with_the_first_ones_problem(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write(tmp_path, {"images": [], "categories": []}, name)
    with pytest.raises(UserError, match=r"a\.json: .*expected labelme's JSON"):
        read_labelme(tmp_path)
