"""Fixtures of several rooms: packs of a few small images, a face in whole numbers, imports."""

import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.split import Split
from faceseg.data.split_writer import SplitWriter

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]
Labels = NDArray[np.uint8]
Pack = Callable[..., Split]

FOUR = ClassSet(
    names=("background", "skin", "left_eye", "right_eye"),
    palette=((0, 0, 0), (200, 150, 120), (40, 40, 220), (40, 220, 40)),
    pairs=((2, 3),),
    small=(2, 3),
    face=(1, 2, 3),
    eyes=(2, 3),
)


def write_split(folder: Path, name: str, pairs: Iterable[Pair], size: tuple[int, int]) -> Split:
    """Pack pairs of image (h, w, 3) and labels (h, w) at `size`; only 'train' has no originals."""
    keep = name != "train"
    with SplitWriter(folder / name, size, originals=keep) as writer:
        for number, (image, labels) in enumerate(pairs):
            writer.append(f"{name}{number}", resize_image(image, size), resize_labels(labels, size))
            if keep:
                writer.append_original(image, labels)
        writer.finish()
    return Split(folder, name)


def draw_labels(size: int = 128, tilt: bool = False) -> Labels:
    """Draw a LaPa-labelled face that fills about a quarter of size x size.

    It is drawn in whole numbers, so that its masks are the same on every machine. A tilted face
    is sheared: each column is lower by a fifth of its distance from the middle, so the line of
    the eyes falls to the right by 11 degrees.
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


@pytest.fixture(scope="session")
def four_classes() -> ClassSet:
    """Return background, skin and two eyes that a mirror exchanges."""
    return FOUR


@pytest.fixture(scope="session")
def write_pack() -> Pack:
    """Return `write_split(folder, name, pairs, size)`."""
    return write_split


@pytest.fixture
def loaded_frameworks() -> Callable[[str], list[str]]:
    """Return a function that runs code in a new process and returns the frameworks it loaded."""

    def run(code: str) -> list[str]:
        program = (
            f"import sys\n{code}\n"
            "print(*sorted({'keras', 'tensorflow', 'jax', 'torch'} & sys.modules.keys()))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout.split()

    return run


@pytest.fixture
def face() -> Callable[..., Labels]:
    """Return `draw_labels(size=128, tilt=False)`."""
    return draw_labels


@pytest.fixture
def picture() -> Callable[[Labels], NDArray[np.uint8]]:
    """Return a function that creates a noisy picture (H, W, 3) for labels (H, W)."""

    def make(labels: Labels) -> NDArray[np.uint8]:
        draws = np.random.default_rng(labels.size)
        return draws.integers(0, 256, (*labels.shape, 3), dtype=np.uint8)

    return make
