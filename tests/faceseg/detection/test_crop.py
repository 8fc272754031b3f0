"""Squares of a photograph: the map of their pixels, their crops, and the framing of a face."""

import math

import numpy as np
import pytest

from faceseg.detection.crop import Framing, Square, upright_crop
from tests.faceseg.given_faces import face

NUMBERED = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def test_the_crop_of_the_whole_image_is_the_image():
    np.testing.assert_array_equal(upright_crop(NUMBERED, Square((2, 2), 4, 0), 4), NUMBERED)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_clockwise_turn_is_undone(turns: int):
    turned = np.rot90(NUMBERED, -turns)  # clockwise
    np.testing.assert_array_equal(upright_crop(turned, Square((2, 2), 4, 90 * turns), 4), NUMBERED)


def test_a_quarter_is_cropped_at_its_place():
    # Rows 0 and 1, columns 2 and 3: its centre is the corner between pixels, x = 3, y = 1.
    crop = upright_crop(NUMBERED, Square((3, 1), 2, 0), 2)
    np.testing.assert_array_equal(crop, NUMBERED[:2, 2:])


def test_a_larger_square_is_averaged():
    # A checkerboard of single pixels: of any four neighbours two are white.
    board = np.repeat((np.indices((64, 64)).sum(axis=0) % 2 * 254)[..., None], 3, axis=2)
    crop = upright_crop(board.astype(np.uint8), Square((32, 32), 64, 0), 8)
    np.testing.assert_array_equal(crop, np.full((8, 8, 3), 127))


def test_beyond_the_border_the_image_is_reflected():
    crop = upright_crop(NUMBERED, Square((0, 2), 4, 0), 4)
    np.testing.assert_array_equal(crop, NUMBERED[:, [2, 1, 0, 1]])


def test_a_face_is_at_its_place_in_its_crop():
    # Size 40, upright, at (100, 100): a side of 100; the crop's centre is 10 pixels above.
    square = Framing(share=0.4, down=0.1).square(face(100, 100, 40, 0))
    assert square.side == 100
    assert square.centre == pytest.approx((100, 90))
    # Turned clockwise by 90 degrees, the top of the head points to the right.
    turned = Framing(share=0.4, down=0.1).square(face(100, 100, 40, 90))
    assert turned.centre == pytest.approx((110, 100))


def test_the_framing_is_that_of_the_training():
    # The face covers 0.225 of the image: 0.225 / 0.9 is the square of half a side.
    assert Framing.of({"face_share": 0.225}).share == pytest.approx(0.5)
    assert Framing.of({"face_share": 1e-6}).share == 0.2


@pytest.mark.parametrize("stored", [None, "much", 0, -1, 2, math.nan])
def test_a_network_without_a_usable_share_has_the_default(stored: object):
    assert Framing.of({"face_share": stored}) == Framing.of({}) == Framing()
