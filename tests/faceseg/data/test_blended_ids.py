"""Label maps that were resized by interpolation are told from drawn ones."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.blended_ids import blended_ids
from faceseg.data.drawn import draw_face

Labels = NDArray[np.uint8]


def half_and_half(size: int = 128) -> Labels:
    """Return background (0) on the left and hair (10) on the right."""
    labels = np.zeros((size, size), dtype=np.uint8)
    labels[:, size // 2 :] = 10
    return labels


def test_a_ramp_between_two_ids_is_found() -> None:
    labels = half_and_half()
    labels[:, 64] = 5  # what a bilinear resizing writes between 0 and 10
    assert blended_ids(half_and_half()) == ()
    assert blended_ids(labels) == (5,)


@pytest.mark.parametrize(
    ("size", "interpolation"),
    [
        (100, cv2.INTER_LINEAR),
        (100, cv2.INTER_AREA),
        (100, cv2.INTER_CUBIC),
        (384, cv2.INTER_LINEAR),
        (512, cv2.INTER_LINEAR),
        (512, cv2.INTER_CUBIC),
    ],
)
def test_an_interpolated_face_is_found_and_one_of_nearest_pixels_is_not(
    face: Callable[..., Labels], size: int, interpolation: int
) -> None:
    labels = face(256, tilt=True)
    nearest = cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST)
    assert blended_ids(nearest.astype(np.uint8)) == ()
    interpolated = cv2.resize(labels, (size, size), interpolation=interpolation)
    assert blended_ids(interpolated.astype(np.uint8))


@pytest.mark.parametrize("size", [64, 128])
def test_drawn_faces_are_not_found(size: int) -> None:
    assert not any(blended_ids(draw_face((0, "train", i), size, 1.5).labels) for i in range(10))


def test_thin_parts_and_ignored_borders_are_not_found() -> None:
    outlined = half_and_half()
    outlined[:, 64] = 255
    assert blended_ids(outlined) == ()
    line = half_and_half()
    line[60, :20] = 1  # a part that is one pixel high, in a face of ordinary borders
    assert blended_ids(line) == ()
