"""Changes of an image's colours and sharpness that leave its labels as they are.

Each function returns a new image and changes nothing at its neutral value. Shapes: H rows,
W columns; images are uint8 RGB (H, W, 3).
"""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

BEST_QUALITY = 100  # of a JPEG file: the image is not compressed at all
_MIDDLE = 127.5  # mid grey, which a change of contrast leaves as it is
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_NOISE_SPREAD = 32.0  # standard deviation of the stored noise in levels
_NOISE_ROOM = 64  # rows and columns by which the stored noise is larger than an image


def adjust_gamma(image: Pixels, exponent: float) -> Pixels:
    """Raise every channel, as a share of 255, to `exponent`; above 1 the image gets darker."""
    levels = 255 * (np.arange(256) / 255) ** exponent
    return np.asarray(cv2.LUT(image, np.rint(levels).astype(np.uint8)), np.uint8)


def adjust_colours(
    image: Pixels, brightness: float, contrast: float, degrees: float, saturation: float
) -> Pixels:
    """Apply one matrix that rotates the hue and scales saturation, contrast and brightness.

    Args:
        image: The image.
        brightness: Offset as a share of the full range.
        contrast: Factor on the distance to mid grey.
        degrees: Rotation of the colours about the grey axis; greys stay as they are.
        saturation: Factor on the distance to the grey of the same luma; 0 gives a grey image.
    """
    # OpenCV applies the colour matrix, rounds and clips to 0..255 in one loop, which takes a
    # quarter of the time of a look-up table of 256 levels.
    colours = np.zeros((3, 4))
    colours[:, :3] = contrast * (_saturation(saturation) @ _hue_rotation(degrees))
    colours[:, 3] = _MIDDLE * (1 - contrast) + 255 * brightness
    return np.asarray(cv2.transform(image, colours), np.uint8)


def blur(image: Pixels, share: float) -> Pixels:
    """Blur by a Gaussian whose standard deviation is a share of the image's width."""
    sigma = share * image.shape[1]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def add_noise(image: Pixels, spread: float, row: float, column: float) -> Pixels:
    """Add Gaussian noise that is independent in every pixel and channel.

    The noise is a window of a stored field, because drawing it takes ten times as long.

    Args:
        image: The image.
        spread: Standard deviation as a share of the full range.
        row: Place of the window, from 0 to below 1.
        column: As `row`.
    """
    height, width = image.shape[:2]
    top, left = int(row * _NOISE_ROOM), int(column * _NOISE_ROOM)
    noise = _noise_field(height, width)[top : top + height, left : left + width]
    factor = 255 * spread / _NOISE_SPREAD
    return np.asarray(cv2.addWeighted(image, 1, noise, factor, -128 * factor), np.uint8)


def compress(image: Pixels, quality: int) -> Pixels:
    """Encode as JPEG of a quality from 1 to 100, and decode again."""
    blue_first = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)


def _hue_rotation(degrees: float) -> NDArray[np.float64]:
    """Return Rodrigues' rotation (3, 3) about the axis (1, 1, 1)."""
    if degrees == 0:
        return np.eye(3)
    angle = math.radians(degrees)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    along = np.full((3, 3), 1 / 3)
    return math.cos(angle) * np.eye(3) + math.sin(angle) * across + (1 - math.cos(angle)) * along


def _saturation(factor: float) -> NDArray[np.float64]:
    return factor * np.eye(3) + (1 - factor) * np.tile(_LUMA, (3, 1))


@lru_cache(maxsize=4)
def _noise_field(height: int, width: int) -> Pixels:
    size = (height + _NOISE_ROOM, width + _NOISE_ROOM, 3)
    noise = np.random.default_rng(0).normal(128, _NOISE_SPREAD, size)
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)
