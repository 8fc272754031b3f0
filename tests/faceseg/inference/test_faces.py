"""Labels of the faces of a photograph, with a detector that returns given faces."""

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.drawn import draw_face
from faceseg.data.images import resize_image, resize_labels
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import Framing, Square
from faceseg.inference.faces import label_faces, paste_faces
from faceseg.inference.moving_faces import MovingFaces
from faceseg.inference.predictor import argmax_labels
from tests.faceseg.function_networks import decode_labels, encode_labels, predictor_of
from tests.faceseg.given_faces import GivenFaces, face

Pixels = NDArray[np.uint8]

WHOLE = Framing(share=1.0, down=0.0)  # a crop is the face's box
# A map that no rotation or mirror leaves as it is.
LABELS = np.zeros((16, 16), np.uint8)
LABELS[2:14, 3:12] = 1
LABELS[4:6, 4:7] = 4
LABELS[11:13, 6:11] = 9


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("flip", [False, True])
def test_each_face_is_labelled_upright_and_pasted_back(batch: int, *, flip: bool):
    truth = np.zeros((60, 70), np.uint8)
    faces = []
    for turns, (row, column) in enumerate([(0, 0), (3, 40), (30, 6), (40, 50)]):
        truth[row : row + 16, column : column + 16] = np.rot90(LABELS, -turns)
        faces.append(face(column + 8, row + 8, 16, 90 * turns))

    def upright_only(crop: Pixels) -> Pixels:
        seen = decode_labels(crop)
        if flip and np.array_equal(seen, LABELS[:, ::-1]):
            return np.where(seen == 4, np.uint8(5), seen)  # the eye on the other side
        np.testing.assert_array_equal(seen, LABELS)
        return LABELS

    predictor = predictor_of(upright_only, 16)
    found = label_faces(
        predictor, encode_labels(truth), GivenFaces(*faces), framing=WHOLE, flip=flip, batch=batch
    )
    np.testing.assert_array_equal(found.labels, truth)
    assert list(found.faces) == faces


def test_without_a_face_the_whole_image_is_labelled():
    image = encode_labels(LABELS)
    found = label_faces(predictor_of(decode_labels, 16), image, GivenFaces())
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.faces == ()


def logits_of(label: int) -> NDArray[np.float32]:
    return np.broadcast_to(np.eye(3, dtype=np.float32)[label], (4, 4, 3)).copy()


def test_a_pixel_of_two_faces_belongs_to_the_nearer_centre():
    squares = [Square((10, 10), 20, 0), Square((22, 10), 20, 0)]
    labels = paste_faces([logits_of(1), logits_of(2)], squares, (20, 40))
    assert labels[10].tolist() == [1] * 16 + [2] * 16 + [0] * 8


def test_the_distance_is_measured_in_sides():
    # Sides 10 and 40: between the centres at 5 and 20, the first ends at x = 10, where the
    # second's distance is 10 / 40.  They are equally near at x = 8: 3 / 10 = 12 / 40.
    squares = [Square((5, 20), 10, 0), Square((20, 20), 40, 0)]
    labels = paste_faces([logits_of(1), logits_of(2)], squares, (40, 40))
    assert labels[20, :12].tolist() == [1] * 8 + [2] * 4


def test_a_face_beyond_the_border_is_pasted_in_part():
    labels = paste_faces([logits_of(1)], [Square((0, 0), 10, 45)], (8, 8))
    # A square of side 10 turned by 45 degrees reaches 7.07 along both axes: x + y < 7.07.
    row, column = np.indices((8, 8)) + 0.5
    np.testing.assert_array_equal(labels == 1, row + column < 7.07)


def test_large_and_small_blocks_are_equal(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 6, 5, 4)).astype(np.float32)
    squares = [Square((30, 25), 40, 30), Square((60, 50), 50, -100)]
    whole = paste_faces(logits, squares, (80, 90))
    monkeypatch.setattr("faceseg.inference.faces.VALUES_PER_BLOCK", 1)
    np.testing.assert_array_equal(paste_faces(logits, squares, (80, 90)), whole)


def test_where_squares_overlap_one_of_them_is_computed(monkeypatch: pytest.MonkeyPatch):
    warped = []

    def counted(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
        warped.append(logits.shape[0] * logits.shape[1])
        return argmax_labels(logits)

    monkeypatch.setattr("faceseg.inference.faces.argmax_labels", counted)
    squares = [Square((20 + 40 * x, 20 + 40 * y), 800, 0) for x in range(4) for y in range(4)]
    labels = paste_faces([logits_of(1)] * 16, squares, (160, 160))
    assert (labels == 1).all()
    assert sum(warped) < 1.5 * labels.size


def test_small_islands_are_removed_in_the_measure_of_their_face():
    logits = np.zeros((100, 100, 3), np.float32)
    logits[20:80, 20:80, 1] = 1
    logits[5:7, 5:6, 1] = 1  # 2 of 10,000 pixels; an island has at least 5
    logits[40:44, 40:44, 2] = 2  # the largest of its class
    labels = paste_faces([logits], [Square((950, 950), 100, 0)], (1000, 1000), clean=True)
    assert labels[906, 905] == 0
    assert labels[942, 942] == 2
    assert np.count_nonzero(labels) == 3600


def test_five_faces_of_a_photograph_are_found_and_labelled():
    """BlazeFace on drawn faces, one turned by 90 degrees, one at 10 % of the height.

    The network is shown the outlines of the faces, white on black, and returns them. So what is
    lost is lost by the places of the faces, by their crops or by pasting them.
    """
    drawn = [draw_face((3, "train", number), 256, 0.5) for number in range(5)]
    detector = BlazeFace()
    small = round(0.1 * 800 / detector.detect(drawn[4].image)[0].size * 256)
    places = ((20, 20, 330), (30, 420, 300), (440, 40, 240), (460, 700, 280), (80, 850, small))
    photo = np.full((800, 1100, 3), 128, np.uint8)
    truth = np.zeros((800, 1100), np.uint8)
    inside = [np.s_[row : row + side, column : column + side] for row, column, side in places]
    for each, place, turns in zip(drawn, inside, (0, 1, 0, 2, 0), strict=True):
        size = truth[place].shape
        face_labels = (each.labels > 0) & (each.labels < 10)
        photo[place] = np.rot90(resize_image(each.image, size), turns)
        truth[place] = np.rot90(resize_labels(face_labels.astype(np.uint8), size), turns)
    outlines = np.repeat(truth[..., None] * np.uint8(255), 3, axis=2)
    found = label_faces(
        predictor_of(lambda crop: (crop[..., 0] > 127).astype(np.uint8), 256),
        outlines,
        GivenFaces(*detector.detect(photo)),
        framing=Framing(share=0.4),
    )
    assert len(found.faces) == 5
    for place in inside:
        both, either = found.labels[place] & truth[place], found.labels[place] | truth[place]
        assert both.sum() / either.sum() > 0.95


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((60, 60), np.uint8),
        np.zeros((60, 60, 4), np.uint8),
        np.zeros((60, 60, 3), np.float32),
        np.zeros((0, 60, 3), np.uint8),
        np.zeros((2, 60, 60, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty", "batch"],
)
def test_an_image_of_another_type_is_refused(image: Pixels):
    """Before the detector, whose library would raise errors of its own or end the process."""
    predictor = predictor_of(decode_labels, 16)
    for label in (label_faces, lambda *given: MovingFaces(given[0], given[2])(given[1])):
        with pytest.raises(ValueError, match="expected one uint8 RGB image"):
            label(predictor, image, BlazeFace())


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 3), (16, 16)])
def test_images_too_small_for_a_face_are_labelled_as_a_whole(size: tuple[int, int]):
    image = np.full((*size, 3), 90, np.uint8)
    found = label_faces(predictor_of(decode_labels, 16), image, BlazeFace())
    assert (found.labels.shape, found.faces) == (size, ())


def test_a_face_in_a_small_image_is_found():
    image = resize_image(draw_face((1, "train", 1), 256, 0.5).image, (32, 32))
    found = label_faces(predictor_of(decode_labels, 16), image, BlazeFace())
    assert len(found.faces) == 1
    assert found.labels.shape == (32, 32)
