"""Colours and sharpness, against values worked by hand and OpenCV's own conversions."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data import photometrics

Pixels = NDArray[np.uint8]


def noise(height: int = 40, width: int = 48) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def colours(image: Pixels, **changes: float) -> Pixels:
    neutral = {"brightness": 0.0, "contrast": 1.0, "degrees": 0.0, "saturation": 1.0}
    return photometrics.adjust_colours(image, **{**neutral, **changes})


def test_gamma_by_hand() -> None:
    image = np.array([[[0, 51, 255]]], dtype=np.uint8)
    # 51 is a fifth of 255: its square is 255 / 25 = 10.2.
    assert photometrics.adjust_gamma(image, 2.0).tolist() == [[[0, 10, 255]]]


def test_a_hue_of_120_degrees_moves_every_channel_to_the_next() -> None:
    image = noise()
    turned = colours(image, degrees=120)
    np.testing.assert_array_equal(turned, image[..., [2, 0, 1]])  # red becomes green


def test_greys_have_no_hue_and_no_saturation() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(colours(grey, degrees=40, saturation=1.7), grey)


def test_no_saturation_is_opencvs_grey() -> None:
    image = noise()
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(int)
    found = colours(image, saturation=0.0)
    assert np.abs(found - expected[..., None]).max() <= 1


def test_blur_spreads_a_point_by_a_share_of_the_width() -> None:
    image = np.zeros((101, 101, 3), np.uint8)
    image[40:61, 40:61] = 255  # a block of 21 pixels: its own variance is (21**2 - 1) / 12
    blurred = photometrics.blur(image, 0.04)[50, :, 0].astype(float)
    place = np.arange(101) - 50
    variance = (blurred * place**2).sum() / blurred.sum()
    assert variance - (21**2 - 1) / 12 == pytest.approx(4.04**2, rel=0.1)


@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_noise_has_the_standard_deviation_and_no_mean(spread: float) -> None:
    image = np.full((90, 120, 3), 128, np.uint8)
    added = photometrics.add_noise(image, spread, 0.3, 0.9).astype(float) - 128
    assert added.std() == pytest.approx(255 * spread, rel=0.05)
    assert abs(added.mean()) < 0.5
    # Neighbours and channels are independent.
    assert abs(np.corrcoef(added[:, 1:].ravel(), added[:, :-1].ravel())[0, 1]) < 0.03
    assert abs(np.corrcoef(added[..., 0].ravel(), added[..., 2].ravel())[0, 1]) < 0.03


def test_noise_of_another_place_is_another() -> None:
    image = np.full((16, 16, 3), 128, np.uint8)
    first = photometrics.add_noise(image, 0.1, 0.0, 0.0)
    assert not np.array_equal(first, photometrics.add_noise(image, 0.1, 0.5, 0.0))
    assert not np.array_equal(first, photometrics.add_noise(image, 0.1, 0.0, 0.5))


def test_jpeg_keeps_the_order_of_the_channels() -> None:
    flat = np.full((32, 32, 3), (200, 90, 30), np.uint8)
    assert np.abs(photometrics.compress(flat, 90).astype(int) - flat).max() <= 3


def test_a_lower_quality_has_larger_errors() -> None:
    smooth = cv2.GaussianBlur(noise(), (0, 0), 2)
    errors = [
        float(np.square(photometrics.compress(smooth, each).astype(float) - smooth).mean())
        for each in (95, 60, 20, 5)
    ]
    assert errors == sorted(errors)
    assert errors[-1] > 4 * errors[0]
