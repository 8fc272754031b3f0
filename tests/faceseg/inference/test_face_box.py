"""Prediction with networks that were trained on face boxes."""

import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.detection.crop import Square
from faceseg.detection.face import Face
from faceseg.inference.ensemble import ensemble_predictor
from faceseg.inference.face_box import ABSENT, FaceBoxPredictor, paste_logits, predictor_of
from faceseg.inference.faces import label_faces, paste_faces
from faceseg.inference.predictor import Predictor, labels_from_logits
from tests.faceseg.function_networks import FunctionNetwork, decode_labels, encode_labels

Pixels = NDArray[np.uint8]

SIZE = 16
ORIGIN = {"face_box": {"margin": 0.0}}  # a crop has the size of the face's box
FACE = np.zeros((SIZE, SIZE), np.uint8)
FACE[2:14, 3:12] = 1
FACE[4:8, 4:7] = 4
FACE[11:13, 6:11] = 9


class At:
    """A detector of upright faces; each crop starts at one of these rows and columns."""

    def __init__(self, *places: tuple[int, int]) -> None:
        self.places = places

    def detect(self, image: Pixels) -> list[Face]:
        down = 0.08 * SIZE  # the box's centre is below that of the crop
        return [
            Face(box=(column, row + down, SIZE, SIZE), roll=0, score=0.9, keypoints=((0, 0),) * 4)
            for row, column in self.places
        ]


def crops_only(crop: Pixels) -> Pixels:
    """Predict a crop; fail on any other image."""
    seen = decode_labels(crop)
    np.testing.assert_array_equal(seen, FACE)
    return seen


def photograph(*places: tuple[int, int]) -> Pixels:
    truth = np.zeros((32, 32), np.uint8)
    for row, column in places:
        truth[row : row + SIZE, column : column + SIZE] = FACE
    return truth


def boxed(*places: tuple[int, int], predict=crops_only) -> FaceBoxPredictor:
    inner = Predictor(FunctionNetwork(predict, SIZE), LAPA, ORIGIN)
    return FaceBoxPredictor(inner, At(*places))


PLACES = ((0, 0), (14, 15))


def test_the_faces_are_predicted_as_crops_and_pasted_back():
    truth = photograph(*PLACES)
    predictor = boxed(*PLACES)
    np.testing.assert_array_equal(predictor.predict(encode_labels(truth)), truth)
    # The grid of the logits is twice the network's, here the photograph's own.
    (logits,) = predictor.logits([encode_labels(truth)])
    assert logits.shape == (32, 32, 11)
    np.testing.assert_array_equal(labels_from_logits(logits, truth.shape), truth)


def test_each_image_of_a_batch_gets_its_own_faces():
    class Marked:
        """Detects a face in images with any label."""

        def detect(self, image: Pixels) -> list[Face]:
            return At((14, 15)).detect(image) if decode_labels(image).any() else []

    inner = Predictor(FunctionNetwork(decode_labels, SIZE), LAPA, ORIGIN)
    truth, empty = photograph((14, 15)), photograph()
    images = [encode_labels(each) for each in (empty, truth, empty)]
    logits = FaceBoxPredictor(inner, Marked()).logits(images, usual=2)
    found = [labels_from_logits(each, truth.shape) for each in logits]
    np.testing.assert_array_equal(found, [empty, truth, empty])


def test_without_a_face_the_whole_image_is_labelled_with_a_warning(
    caplog: pytest.LogCaptureFixture,
):
    predictor = boxed(predict=decode_labels)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(predictor.predict(encode_labels(FACE)), FACE)
    assert "no face was found; the whole image was labelled" in caplog.text


def test_an_image_of_another_type_is_refused():
    with pytest.raises(ValueError, match="expected one uint8 RGB image"):
        boxed().predict(np.zeros((8, 8), np.uint8))


def test_faces_that_were_found_already_are_not_looked_for_again():
    truth = photograph(*PLACES)
    found = label_faces(boxed(), encode_labels(truth), At(*PLACES))
    np.testing.assert_array_equal(found.labels, truth)


def test_the_mirrored_mean_and_an_ensemble_paste_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("faceseg.inference.face_box.BlazeFace", lambda: At(*PLACES))
    truth = photograph(*PLACES)
    image = encode_labels(truth)

    def either_way(crop: Pixels) -> Pixels:
        seen = decode_labels(crop)
        if np.array_equal(seen, FACE[:, ::-1]):
            return np.where(seen == 4, np.uint8(5), seen)  # the eye on the other side
        return crops_only(crop)

    members = [predictor_of(FunctionNetwork(either_way, SIZE), LAPA, ORIGIN) for _ in range(2)]
    for predictor in (members[0].mirrored(), ensemble_predictor(members)):
        np.testing.assert_array_equal(predictor.predict(image), truth)
        labels = labels_from_logits(predictor.logits([image])[0], truth.shape)
        np.testing.assert_array_equal(labels, truth)


def test_an_ensemble_of_different_face_boxes_is_refused():
    network = FunctionNetwork(decode_labels, SIZE)
    members = [predictor_of(network, LAPA, origin) for origin in (ORIGIN, {})]
    with pytest.raises(ValueError, match="the same face boxes, or none"):
        ensemble_predictor(members)


def test_only_networks_of_face_boxes_crop():
    network = FunctionNetwork(decode_labels, SIZE)
    assert type(predictor_of(network, LAPA, {"face_share": 0.2})) is Predictor
    assert type(predictor_of(network, LAPA, ORIGIN)) is FaceBoxPredictor


def test_outside_of_the_crops_is_background():
    # A square of 8 at the centre of 16 x 16 pixels, on a grid of 8 x 8: places 2 to 5.
    logits = np.full((4, 4, 3), 7, np.float32)
    pasted = paste_logits([logits], [Square((8, 8), 8, 0)], (16, 16), (8, 8))
    assert (pasted[2:6, 2:6] == 7).all()
    pasted[2:6, 2:6] = 0
    assert pasted[0, 0].tolist() == [0, ABSENT, ABSENT]
    assert not pasted[..., 0].any()


def test_the_grid_has_the_labels_of_the_exact_paste():
    """Turned and overlapping squares, on a grid of the image's own size."""
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=(6, 6, 4)).astype(np.float32) for _ in range(2)]
    squares = [Square((30, 25), 40, 30), Square((60, 40), 36, -100)]
    pasted = paste_logits(logits, squares, (70, 90), (70, 90))
    np.testing.assert_array_equal(pasted.argmax(-1), paste_faces(logits, squares, (70, 90)))
