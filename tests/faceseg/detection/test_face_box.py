"""Crops of labelled images to their face, with a detector that returns given faces."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, LAPA
from faceseg.detection import face_box
from faceseg.detection.crop import Framing, Square, face_box_margin, upright_labels
from faceseg.detection.face_box import FaceBox, labelled_face
from tests.faceseg.given_faces import GivenFaces, face

Pixels = NDArray[np.uint8]


def numbered(rows: int, columns: int) -> tuple[Pixels, Pixels]:
    """Return an image whose red is the row and green the column, and labels row + column % 11."""
    row, column = np.indices((rows, columns))
    image = np.stack([row, column, 0 * row], axis=-1).astype(np.uint8)
    return image, ((row + column) % 11).astype(np.uint8)


def test_the_crop_is_the_box_with_its_margin():
    # A box of 20 pixels with a margin of 0.5 on each side: a crop of 40. Its centre is 0.08 of 40
    # above that of the box, at (50, 40 - 3.2): rows 16.8 to 56.8, columns 30 to 70.
    image, labels = numbered(100, 100)
    found = FaceBox(0.5, GivenFaces(face(50, 40, 20))).crop(image, labels, LAPA)
    assert found is not None
    crop, crop_labels = found
    assert crop.shape == (40, 40, 3)
    assert crop[:, :, 1].tolist() == [list(range(30, 70))] * 40
    # The centre of the first row is at 16.8 + 0.5, which is in row 17.
    np.testing.assert_array_equal(crop_labels, labels[17:57, 30:70])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_face_is_cropped_upright(turns: int):
    image, labels = numbered(64, 64)
    upright = FaceBox(0.25, GivenFaces(face(32, 32, 24))).crop(image, labels, LAPA)
    image, labels = (np.ascontiguousarray(np.rot90(each, -turns)) for each in (image, labels))
    roll = (90.0 * turns + 180) % 360 - 180
    turned = FaceBox(0.25, GivenFaces(face(32, 32, 24, roll))).crop(image, labels, LAPA)
    assert upright is not None
    assert turned is not None
    np.testing.assert_array_equal(turned[1], upright[1])
    np.testing.assert_allclose(turned[0].astype(int), upright[0].astype(int), atol=1)


def test_labels_beyond_the_border_are_ignored_and_pixels_are_reflected():
    image, labels = numbered(30, 30)
    # No margin: a crop of 20, with its centre 0.08 * 20 above (10, 10): rows -1.6 to 18.4. The
    # centre of its first row is at -1.1 and of its second at -0.1, outside the image.
    found = FaceBox(0, GivenFaces(face(10, 10, 20))).crop(image, labels, LAPA)
    assert found is not None
    assert (found[1][0] == IGNORE).all()
    assert IGNORE not in found[1][2:]
    assert found[0][0, :, 1].tolist() == list(range(20))


def test_labels_survive_the_crop_and_the_way_back():
    from faceseg.inference.faces import paste_faces

    _, labels = numbered(90, 90)
    labels = np.where(labels == 0, 1, labels).astype(np.uint8)
    square = Square((45, 45), 40, 90.0)
    crop = upright_labels(labels, square, 40)
    back = paste_faces([np.eye(11, dtype=np.float32)[crop]], [square], labels.shape)
    np.testing.assert_array_equal(back[25:65, 25:65], labels[25:65, 25:65])
    assert np.count_nonzero(back) == 40 * 40


def test_of_several_faces_the_labelled_one_is_taken():
    labelled = np.zeros((60, 60), bool)
    labelled[30:50, 30:50] = True
    other, own, partly = face(10, 10, 16), face(40, 40, 16), face(28, 40, 16)
    assert labelled_face([other, partly, own], labelled) is own
    assert labelled_face([other, partly], labelled) is partly
    assert labelled_face([other], labelled) is None
    assert labelled_face([], labelled) is None


def test_without_a_face_there_is_no_crop():
    image, labels = numbered(32, 32)
    assert FaceBox(0.5, GivenFaces()).crop(image, labels, LAPA) is None


def test_each_thread_has_a_detector_of_its_own(monkeypatch: pytest.MonkeyPatch):
    made: list[GivenFaces] = []
    monkeypatch.setattr(face_box, "BlazeFace", lambda: made.append(GivenFaces()) or made[-1])
    box = FaceBox(0.5)
    image, labels = numbered(32, 32)
    for _ in range(2):
        threads = [threading.Thread(target=box.crop, args=(image, labels, LAPA)) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    box.crop(image, labels, LAPA)
    box.crop(image, labels, LAPA)
    assert len(made) == 5


@pytest.mark.parametrize(
    ("origin", "margin"),
    [
        ({"face_box": {"margin": 0.5}}, 0.5),
        ({"face_box": {"margin": 1}}, 1.0),
        ({}, None),
        ({"face_box": None}, None),
        ({"face_box": {"margin": "wide"}}, None),
        ({"face_box": {"margin": float("nan")}}, None),
        ({"face_box": {"margin": -1}}, None),
    ],
)
def test_the_margin_of_a_network_is_in_its_origin(origin: dict[str, object], margin: float | None):
    assert face_box_margin(origin) == margin
    if margin is not None:
        assert Framing.of({**origin, "face_share": 0.1}) == Framing.with_margin(margin)


def test_the_margin_is_a_share_of_the_box_on_each_side():
    assert Framing.with_margin(0.5).square(face(50, 50, 20)).side == 40
