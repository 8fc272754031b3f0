"""A face drawn by hand in whole numbers, so that its masks are the same everywhere."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

Labels = NDArray[np.uint8]


def draw_labels(size: int = 128, tilt: bool = False) -> Labels:
    """Draw a LaPa-labelled face that fills about a quarter of size x size.

    A tilted one is sheared: each column is a fifth of its distance from the middle lower,
    so the eyes' line falls to the right by 11 degrees.
    """
    unit = size // 32
    rows, columns = np.mgrid[:size, :size]
    if tilt:
        rows = rows - (columns - size // 2) // 5
    across, down = columns // unit - 16, rows // unit - 16  # a 32x32 grid of whole units
    labels = np.zeros((size, size), np.uint8)
    labels[(across**2 * 100 + (down + 1) ** 2 * 60) < 13000] = 10
    labels[(across**2 * 100 + (down - 1) ** 2 * 64) < 8000] = 1
    for left, right, top, bottom, label in (
        (-6, -2, -5, -4, 2),
        (2, 6, -5, -4, 3),
        (-5, -2, -3, -2, 4),
        (2, 5, -3, -2, 5),
        (-1, 1, -2, 3, 6),
        (-3, 3, 5, 6, 7),
        (-2, 2, 6, 7, 8),
        (-3, 3, 7, 8, 9),
    ):
        labels[(across >= left) & (across < right) & (down >= top) & (down < bottom)] = label
    return labels


@pytest.fixture
def face() -> Callable[..., Labels]:
    """Give `draw_labels(size=128, tilt=False)`."""
    return draw_labels


@pytest.fixture
def picture() -> Callable[[Labels], NDArray[np.uint8]]:
    """Give a function that makes a noisy picture (H, W, 3) for labels (H, W)."""

    def make(labels: Labels) -> NDArray[np.uint8]:
        draws = np.random.default_rng(labels.size)
        return draws.integers(0, 256, (*labels.shape, 3), dtype=np.uint8)

    return make
