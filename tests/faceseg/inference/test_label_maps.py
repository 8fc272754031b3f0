"""Label maps of many images, with mirror images and without small islands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.inference.label_maps import label_maps, remove_small_islands
from faceseg.inference.predictor import Predictor

EYES = ClassSet(
    names=("background", "skin", "left_eye", "right_eye"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)),
    pairs=((2, 3),),
    face=(1, 2, 3),
    eyes=(2, 3),
)
LEFT, RIGHT = 2, 3


class RedIsEye:
    """A network that labels red pixels as an eye, the left eye on the left half of its grid.

    `bias` is added to the logit of skin in the leftmost column.
    """

    def __init__(self, size: int, bias: float = 0.0) -> None:
        self.input_shape = (None, size, size, 3)
        self.bias = bias

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        size = images.shape[2]
        red = (images[..., 0] > 128).astype(np.float32)
        logits = np.zeros((*images.shape[:3], 4), dtype=np.float32)
        logits[..., 0] = 1 - red
        logits[..., : size // 2, LEFT] = red[..., : size // 2]
        logits[..., size // 2 :, RIGHT] = red[..., size // 2 :]
        logits[..., 0, 1] += self.bias
        return logits


def picture(*pixels: tuple[int, int]) -> NDArray[np.uint8]:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    for row, column in pixels:
        image[row, column, 0] = 255
    return image


def test_a_batch_has_the_labels_of_its_single_images():
    predictor = Predictor(RedIsEye(8), EYES)
    images = [picture((2, 1), (2, 6)), picture((5, 0)), np.zeros((5, 13, 3), dtype=np.uint8)]
    for image, labels in zip(images, label_maps(predictor, images), strict=True):
        np.testing.assert_array_equal(labels, predictor.predict(image))


def test_mirroring_keeps_the_left_eye_left_and_in_place():
    predictor = Predictor(RedIsEye(8), EYES)
    images = [picture((2, 1), (4, 6))]
    labels = label_maps(predictor, images, flip=True)[0]
    np.testing.assert_array_equal(np.argwhere(labels == LEFT), [[2, 1]])
    np.testing.assert_array_equal(np.argwhere(labels == RIGHT), [[4, 6]])


def test_a_logit_of_only_one_view_is_halved():
    predictor = Predictor(RedIsEye(8, bias=1.5), EYES)
    image = [picture()]
    assert (label_maps(predictor, image)[0][:, 0] == 1).all()  # 1.5 for skin against 1
    assert (label_maps(predictor, image, flip=True)[0] == 0).all()  # 0.75 against 1


def test_cleaning_removes_a_small_island():
    predictor = Predictor(RedIsEye(64), EYES)
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[10:20, 10:20, 0] = 255
    image[50, 5, 0] = 255  # 1 of 4,096 pixels
    assert label_maps(predictor, [image])[0][50, 5] == LEFT
    cleaned = label_maps(predictor, [image], clean=True)[0]
    assert cleaned[50, 5] == 0
    assert (cleaned == LEFT).sum() == 100


# 10 x 10: class 1 with an island of class 2 in it, the rest of class 2 elsewhere, one pixel of 3.
MAP = np.ones((10, 10), dtype=np.uint8)
MAP[:, 8:] = 2
MAP[4, 3] = 2
MAP[0, 0] = 3


def test_an_island_gets_the_label_around_it_and_the_last_of_a_class_stays():
    expected = MAP.copy()
    expected[4, 3] = 1
    np.testing.assert_array_equal(remove_small_islands(MAP, 0.05), expected)


def test_an_island_that_is_large_enough_stays():
    np.testing.assert_array_equal(remove_small_islands(MAP, 0.01), MAP)  # 1 of 100 is not below 1 %


def test_pixels_that_touch_at_a_corner_are_one_island():
    labels = np.zeros((6, 6), dtype=np.uint8)
    labels[[1, 2], [1, 2]] = 1
    np.testing.assert_array_equal(
        remove_small_islands(labels, 0.04), labels
    )  # 2 of 36 pixels; 1 would be removed


@given(arrays.arrays(np.uint8, (7, 9), elements=st.integers(0, 3)), st.floats(0, 0.5))
def test_the_classes_stay_the_same(labels: np.ndarray, largest: float):
    before = labels.copy()
    cleaned = remove_small_islands(labels, largest)
    assert set(np.unique(cleaned)) == set(np.unique(labels))
    np.testing.assert_array_equal(labels, before)


def test_a_share_of_the_whole_image_is_rejected():
    with pytest.raises(ValueError, match="share of the image"):
        remove_small_islands(MAP, 1.0)
