"""BlazeFace on drawn faces: small, turned and absent ones; LiteRT as the oracle of its network."""

import hashlib
import warnings
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.drawn import draw_face
from faceseg.data.images import resize_image
from faceseg.detection import blazeface
from faceseg.detection.blazeface import WEIGHTS, BlazeFace
from faceseg.detection.face import Face

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> BlazeFace:
    return BlazeFace()


@cache
def portrait() -> Pixels:
    return draw_face((1, "train", 1), 256, 0.5).image


def photograph(*places: tuple[int, int, int, int]) -> Pixels:
    """Return a grey image of 480 x 640 with portraits: row, column, size, quarter turns."""
    image = np.full((480, 640, 3), 128, np.uint8)
    for row, column, size, turns in places:
        small = resize_image(portrait(), (size, size))
        image[row : row + size, column : column + size] = np.rot90(small, -turns)
    return image


def by_column(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: face.centre[0])


def test_the_file_is_the_one_of_the_notice():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest in (WEIGHTS.parent / "NOTICE").read_text(encoding="utf-8")
    assert digest in str(blazeface.__doc__)


def test_the_network_has_the_outputs_of_another_runtime():
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        interpreter = Interpreter(str(WEIGHTS))
    interpreter.allocate_tensors()
    image = resize_image(portrait(), (128, 128))
    place = interpreter.get_input_details()[0]["index"]
    interpreter.set_tensor(place, image[None].astype(np.float32) / 127.5 - 1)
    interpreter.invoke()
    outputs = {each["name"]: each["index"] for each in interpreter.get_output_details()}
    values = interpreter.get_tensor(outputs["regressors"])[0]
    logits = interpreter.get_tensor(outputs["classificators"]).ravel()
    best = int(logits.argmax())
    points, sizes, scores = BlazeFace()._run(image)
    mine = int(scores.argmax())
    assert scores[mine] == pytest.approx(1 / (1 + np.exp(-logits[best])), abs=1e-4)
    assert sizes[mine] == pytest.approx(values[best, 2:4].max(), abs=0.01)
    # Anchors: 16 x 16 places with 2, then 8 x 8 places with 6.
    stride, index = (8, best // 2) if best < 512 else (16, (best - 512) // 6)
    row, column = divmod(index, 128 // stride)
    centre = values[best, :2] + ((column + 0.5) * stride, (row + 0.5) * stride)
    assert points[mine, 0] == pytest.approx(centre, abs=0.01)


def test_faces_of_all_rotations_and_of_a_small_size_are_found(detector: BlazeFace):
    image = photograph((200, 0, 220, 0), (20, 230, 160, 1), (300, 300, 160, 2), (60, 500, 110, 3))
    faces = by_column(detector.detect(image))
    rolls = [round(face.roll / 90) % 4 for face in faces]
    assert rolls == [0, 1, 2, 3]
    reference = detector.detect(portrait())[0]
    for found, size in zip(faces, (220, 160, 160, 110), strict=True):
        assert found.size == pytest.approx(reference.size * size / 256, rel=0.15)


def test_a_turned_image_has_the_face_at_the_turned_place(detector: BlazeFace):
    image = photograph((100, 60, 200, 0))
    (upright,), (turned,) = detector.detect(image), detector.detect(np.rot90(image, -1))
    x, y = upright.centre
    assert turned.centre == pytest.approx((480 - y, x), abs=4)
    assert (turned.roll - upright.roll) % 360 == pytest.approx(90, abs=4)
    for (one, other), (x, y) in zip(turned.keypoints, upright.keypoints, strict=True):
        assert (one, other) == pytest.approx((480 - y, x), abs=6)


@pytest.mark.parametrize("size", [(300, 400), (1, 1), (7, 900)])
def test_an_image_without_a_face_has_none(detector: BlazeFace, size: tuple[int, int]):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.zeros((*size, 3), np.uint8)) == []
