"""Labels of the faces of a clip of known motion, with a detector that returns given faces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.detection.crop import Framing
from faceseg.detection.face import Face
from faceseg.inference.moving_faces import MovingFaces
from faceseg.inference.predictor import Predictor
from tests.faceseg.function_networks import (
    FunctionNetwork,
    decode_labels,
    encode_labels,
    predictor_of,
)

Pixels = NDArray[np.uint8]

SIZE, ROWS, COLUMNS, FRAMES = 32, 80, 120, 12
WHOLE = Framing(share=1.0, down=0.0)  # a crop is the face's box
LABELS = np.zeros((SIZE, SIZE), np.uint8)
LABELS[3:29, 5:25] = 1
LABELS[8:13, 8:14] = 4
LABELS[21:26, 11:21] = 9


def places(number: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return row and column of two faces that move apart and downwards, by up to 3 pixels."""
    return (5 + 2 * number, 30 - 2 * number), (2 + 3 * number, 60 + 2 * number)


class Moving:
    """A detector of a known motion: each call is the next frame."""

    def __init__(self) -> None:
        self.number = -1

    def detect(self, image: Pixels) -> list[Face]:
        self.number += 1
        return [
            Face(box=(column, row, SIZE, SIZE), roll=0.0, score=0.9, keypoints=((row, column),) * 4)
            for row, column in places(self.number)
        ]


def clip() -> list[Pixels]:
    """Return the labels of each frame."""
    frames = []
    for number in range(FRAMES):
        truth = np.zeros((ROWS, COLUMNS), np.uint8)
        for row, column in places(number):
            truth[row : row + SIZE, column : column + SIZE] = LABELS
        frames.append(truth)
    return frames


class NoisyNetwork(FunctionNetwork):
    """A network with another noise in each logit of each call."""

    def __init__(self) -> None:
        super().__init__(decode_labels, SIZE)
        self.rng = np.random.default_rng(0)

    def predict_on_batch(self, images: Pixels) -> NDArray[np.float32]:
        exact = super().predict_on_batch(images)
        return (exact + self.rng.normal(0, 0.35, exact.shape)).astype(np.float32)


@pytest.mark.parametrize("steady", [False, True])
@pytest.mark.parametrize("batch", [1, 8])
def test_two_faces_are_labelled_wherever_they_move(batch: int, *, steady: bool):
    label = MovingFaces(
        predictor_of(decode_labels, SIZE), Moving(), framing=WHOLE, steady=steady, batch=batch
    )
    for truth in clip():
        found = label(encode_labels(truth))
        np.testing.assert_array_equal(found.labels, truth)
        assert len(found.faces) == 2


def test_the_flicker_of_moving_faces_is_more_than_halved():
    errors = {}
    for steady in (False, True):
        label = MovingFaces(Predictor(NoisyNetwork(), LAPA), Moving(), framing=WHOLE, steady=steady)
        changes = []
        before = None
        for number, truth in enumerate(clip()):
            labels = label(encode_labels(truth)).labels
            faces = [labels[row : row + SIZE, col : col + SIZE] for row, col in places(number)]
            now = np.stack(faces)
            if before is not None:
                changes.append(np.mean(now != before))
            before = now
        errors[steady] = np.mean(changes)
    assert 0 < errors[True] < errors[False] / 2


def test_a_frame_without_a_face_is_labelled_as_a_whole():
    class Nobody:
        def detect(self, image: Pixels) -> list[Face]:
            return []

    label = MovingFaces(predictor_of(decode_labels, SIZE), Nobody())
    for _ in range(2):
        found = label(encode_labels(LABELS))
        np.testing.assert_array_equal(found.labels, LABELS)
        assert found.faces == ()


@pytest.mark.parametrize(("clean", "corner"), [(False, 1), (True, 0)])
def test_small_islands_are_removed_if_asked_for(corner: int, *, clean: bool):
    def with_an_island(crop: Pixels) -> Pixels:
        labels = decode_labels(crop)
        labels[0, 0] = 1  # one of 4,096 pixels; an island has at least 0.0005 of them, 2.05
        return labels

    class Whole:
        def detect(self, image: Pixels) -> list[Face]:
            return [Face(box=(0, 0, 64, 64), roll=0.0, score=0.9, keypoints=((0, 0),) * 4)]

    image = encode_labels(np.repeat(np.repeat(LABELS, 2, axis=0), 2, axis=1))
    label = MovingFaces(predictor_of(with_an_island, 64), Whole(), framing=WHOLE, clean=clean)
    assert label(image).labels[0, 0] == corner
