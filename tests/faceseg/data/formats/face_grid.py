"""A face of 8 x 6 pixels that every test of a polygon format describes: skin (1) and an eye (2)."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from faceseg.data.formats.annotations import ALL, Annotations
from faceseg.data.problems import BadFile

WIDTH, HEIGHT = 8, 6


def grid(*rows: str) -> NDArray[np.uint8]:
    return np.array([[int(digit) for digit in row] for row in rows], dtype=np.uint8)


FACE = grid(
    "00000000",
    "01111110",
    "01221110",
    "01111110",
    "01111110",
    "00000000",
)
# The corners, whose centres of pixels inside are those of FACE.
SKIN = [[1, 1], [7, 1], [7, 5], [1, 5]]
EYE = [[2, 2], [2, 3], [4, 3], [4, 2]]  # in the other direction


def save_image(file: Path, size: tuple[int, int] = (WIDTH, HEIGHT), **options) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (10, 20, 30)).save(file, **options)
    return file


def save_turned(file: Path) -> Path:
    """Save a photograph that is upright at 8 x 6 after its EXIF rotation."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return save_image(file, (HEIGHT, WIDTH), exif=exif)


def labels_of(found: Annotations, split: str = ALL, number: int = 0) -> NDArray[np.uint8]:
    image, labels = found.splits[split][number].read()
    assert image.shape == (*labels.shape, 3)
    assert labels.dtype == np.uint8
    return labels


def problem_of(found: Annotations, number: int = 0) -> str:
    with pytest.raises(BadFile) as caught:
        found.splits[ALL][number].read()
    return str(caught.value)
