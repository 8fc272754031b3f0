"""CVAT's XML: the labels pixel by pixel, and damaged files."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.formats.annotations import ALL
from faceseg.data.formats.cvat import read_cvat
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


def polygon(label: str, corners: list[list[float]], z_order: int = 0) -> str:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners)
    return (
        f'<polygon label="{label}" source="manual" occluded="0" points="{points}" '
        f'z_order="{z_order}"><attribute name="side">left</attribute></polygon>'
    )


EYE_XML, SKIN_XML = polygon("eye", EYE), polygon("skin", SKIN)


def image(*shapes: str, name: str = "a.png", others: str = "") -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return f'<image id="0" name="{name}" {others} {size}>{"".join(shapes)}</image>'


LABELS = (
    "".join(
        f"<label><name>{name}</name><color>#fa3253</color><type>any</type><attributes/></label>"
        for name in ("skin", "eye")
    )
    + "<label><name>nose</name><parent>skeleton</parent></label>"
)


def document(*images: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta><task>'
        f"<labels>{LABELS}</labels></task></meta>{''.join(images)}</annotations>"
    )


def write(folder: Path, text: str) -> Path:
    (folder / "annotations.xml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_image(tmp_path / "images/a.png")
    return tmp_path


def test_polygons(folder: Path) -> None:
    found = read_cvat(write(folder, document(image(EYE_XML, SKIN_XML))))
    assert found.classes == ("background", "skin", "eye")
    assert found.index_files == (folder / "annotations.xml",)
    np.testing.assert_array_equal(labels_of(found), FACE)
    np.testing.assert_array_equal(labels_of(read_cvat(folder / "annotations.xml")), FACE)


def test_the_higher_z_order_is_on_top(folder: Path) -> None:
    found = read_cvat(write(folder, document(image(EYE_XML, polygon("skin", SKIN, z_order=1)))))
    np.testing.assert_array_equal(labels_of(found), FACE > 0)


@pytest.mark.parametrize(
    "skin",
    [
        '<box label="skin" xtl="1.0" ytl="1.0" xbr="7.0" ybr="5.0" z_order="0"/>',
        # 4 x 6 about the centre (4, 3), turned by 90 degrees.
        '<box label="skin" xtl="2" ytl="0" xbr="6" ybr="6" rotation="90.0" z_order="0"/>',
        '<mask label="skin" rle="0, 24" left="1" top="1" width="6" height="4" z_order="0"/>',
        # Along the rows of a box of 8 columns: one outside, six inside, one outside.
        '<mask label="skin" rle="1,6,2,6,2,6,2,6,1" left="0" top="1" width="8" height="4"/>',
        polygon("skin", SKIN[::-1]),
    ],
)
def test_shapes_with_an_area(folder: Path, skin: str) -> None:
    np.testing.assert_array_equal(
        labels_of(read_cvat(write(folder, document(image(EYE_XML, skin))))), FACE
    )


def test_an_ellipse(folder: Path) -> None:
    ellipse = '<ellipse label="skin" cx="4" cy="3" rx="1" ry="2.6" rotation="90" z_order="0"/>'
    expected = np.zeros((HEIGHT, WIDTH))
    expected[2:4, 2:6] = 1  # turned: 2.6 along the rows, 1 down the columns
    np.testing.assert_array_equal(
        labels_of(read_cvat(write(folder, document(image(ellipse))))), expected
    )


def test_what_has_no_area_is_left_out_and_counted(folder: Path) -> None:
    others = ('<polyline label="skin" points="1,1;2,2"/>', '<tag label="skin"/>')
    found = read_cvat(write(folder, document(image(*others))))
    assert not labels_of(found).any()
    assert found.notes == (
        "1 shapes of the type 'polyline' have no area and were left out",
        "1 images without shapes are background",
    )


def test_a_photograph_with_exif_rotation(folder: Path) -> None:
    save_turned(folder / "images/a.jpg")
    turned = image(EYE_XML, SKIN_XML, name="a.jpg")
    np.testing.assert_array_equal(labels_of(read_cvat(write(folder, document(turned)))), FACE)
    save_image(folder / "images/a.jpg", (HEIGHT, WIDTH))
    problem = problem_of(read_cvat(folder))
    assert "without the photograph's EXIF rotation" in problem


def test_the_subsets_of_a_project_are_splits(tmp_path: Path) -> None:
    for split in ("Train", "Validation"):
        save_image(tmp_path / "images" / split / "a.png")
    images = [
        image(EYE_XML, SKIN_XML, others=f'subset="{split}" task_id="1"')
        for split in ("Train", "Validation")
    ]
    found = read_cvat(write(tmp_path, document(*images)))
    assert list(found.splits) == ["train", "val"]
    assert found.splits["val"][0].image_file == tmp_path / "images/Validation/a.png"
    np.testing.assert_array_equal(labels_of(found, "val"), FACE)
    write(tmp_path, document(images[0], image(others='subset="other"', name="b.png")))
    with pytest.raises(UserError, match="the subset 'other' is no split, but others are"):
        read_cvat(tmp_path)


# --- Damage.

BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    "<annotations>&c;</annotations>"
)
EXTERNAL = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotations>&a;</annotations>'


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (document(image(SKIN_XML))[:-30], "no complete XML"),
        ("", "no complete XML"),
        ("{}", "no complete XML"),
        (BOMB, "a document type, which can contain entities"),
        (EXTERNAL, "a document type, which can contain entities"),
        ("<annotations>" + "<a>" * 100, "or 50 levels"),
        ("<annotation/>", "the root element is 'annotation'"),
        (document(), "no image"),
        (document('<track id="0" label="skin"/>'), "tracks of a video"),
        (document(image(), image(name="b.png")), "two images have the id '0'"),
        ("<annotations><image/></annotations>", "0 labels"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(folder: Path, text: str, wrong: str) -> None:
    with pytest.raises(UserError, match=wrong) as caught:
        read_cvat(write(folder, text))
    assert str(folder / "annotations.xml") in str(caught.value)


def mask(rle: str, left: str = "1", width: str = "6") -> str:
    return f'<mask label="skin" rle="{rle}" left="{left}" top="1" width="{width}" height="4"/>'


@pytest.mark.parametrize(
    ("shape", "wrong"),
    [
        (polygon("hat", SKIN), "polygon 0: unknown label 'hat'; expected one of skin, eye"),
        (polygon("nose", SKIN), "unknown label 'nose'"),  # a part of a skeleton
        (polygon("skin", SKIN[:2]), "a polygon of 2 points"),
        ('<polygon points="1,1;2,2;1,2"/>', "no attribute 'label'"),
        ('<polygon label="skin"/>', "no attribute 'points'"),
        ('<polygon label="skin" points="1,1;2;3,3"/>', "points that are no pairs of numbers"),
        ('<polygon label="skin" points="1,1;nan,2;3,3"/>', "not finite"),
        ('<polygon label="skin" points="1,1;1e30,2;3,3"/>', "too large"),
        ('<polygon label="skin" z_order="x" points="1,1;2,2;3,3"/>', "z_order is 'x'"),
        ('<box label="skin" xtl="a" ytl="1" xbr="2" ybr="2"/>', "xtl is 'a'; expected a number"),
        ('<ellipse label="skin" cx="1" cy="1" rx="0" ry="1"/>', "radii 0 and 1"),
        (mask("1,2"), "run lengths of 3 pixels for 6 x 4"),
        (mask("-1,25"), "negative length"),
        (mask("99999999999,1"), "run lengths that are no numbers"),
        (mask("999999999,1"), "beyond the mask"),
        (mask(""), "run lengths that are no numbers"),
        (mask("24", left="3"), r"a mask of 6 x 4 at \(3, 1\)"),
        (mask("24", width="-6"), "a mask of -6 x 4"),
        (mask("24", width="6.5"), "width is '6.5'; expected an integer"),
    ],
)
def test_a_damaged_shape_is_a_problem_of_its_image(folder: Path, shape: str, wrong: str) -> None:
    found = read_cvat(write(folder, document(image(shape))))
    with pytest.raises(BadFile, match=wrong) as caught:
        found.splits[ALL][0].read()
    assert caught.value.file == str(folder / "annotations.xml")
    assert "image a, " in str(caught.value)


def test_images_that_are_missing_too_small_or_elsewhere_are_problems(folder: Path) -> None:
    assert "annotated at 8 x 6, the image is 9 x 6" in problem_of(
        read_cvat(write(save_image(folder / "images/a.png", (9, 6)).parents[1], document(image())))
    )
    assert "b.png: cannot be read" in problem_of(
        read_cvat(write(folder, document(image(name="b.png"))))
    )
    assert "the file name '../../a.png'" in problem_of(
        read_cvat(write(folder, document(image(name="../../a.png"))))
    )
    assert "the file name 'images/../../x'" in problem_of(
        read_cvat(write(folder, document(image(others='subset="../../x"'))))
    )
    bare = '<image id="0" name="a.png"/>'
    assert "image a: no attribute 'height'" in problem_of(read_cvat(write(folder, document(bare))))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    folder = save_image(tmp_path / "set/images/a.png").parents[1]
    with pytest.raises(UserError, match=r"is no unpacked export of CVAT; .* found: images/"):
        read_cvat(folder)
    write(folder, document(image()))
    with pytest.raises(UserError, match=rf"Did you mean {folder}\?"):
        read_cvat(tmp_path)
    (folder / "labelmap.txt").touch()
    with pytest.raises(UserError, match="which are two exports"):
        read_cvat(folder)
