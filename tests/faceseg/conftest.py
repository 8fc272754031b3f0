"""Packs of a few small images, made in a moment, for whatever trains or evaluates."""

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
    """Pack pairs of image (h, w, 3) and labels (h, w) at `size`; all but 'train' keep originals."""
    keep = name != "train"
    with SplitWriter(folder / name, size, originals=keep) as writer:
        for number, (image, labels) in enumerate(pairs):
            writer.append(f"{name}{number}", resize_image(image, size), resize_labels(labels, size))
            if keep:
                writer.append_original(image, labels)
        writer.finish()
    return Split(folder, name)


@pytest.fixture(scope="session")
def four_classes() -> ClassSet:
    """Background, skin and two eyes that a mirror exchanges."""
    return FOUR


@pytest.fixture(scope="session")
def write_pack() -> Pack:
    """Give `write_split(folder, name, pairs, size)`."""
    return write_split
