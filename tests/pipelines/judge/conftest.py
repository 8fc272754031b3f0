"""A pack of flat-coloured faces: every pixel has nearly the colour of its class."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.data.drawn import draw_face
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.split import Split, open_split
from faceseg.data.split_writer import SplitWriter

from .colour_networks import SIZE

COUNTS = {"train": 4, "val": 6, "test": 6}
NOISE = 12  # of 255: some pixels become another class, so scores are below 1


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    folder = tmp_path_factory.mktemp("pack")
    for name, count in COUNTS.items():
        with SplitWriter(folder / name, (SIZE, SIZE), originals=True) as writer:
            for number in range(count):
                image, labels = _flat_face(name, number)
                small = resize_image(image, (SIZE, SIZE)), resize_labels(labels, (SIZE, SIZE))
                writer.append(f"{name}-{number}", *small)
                writer.append_original(image, labels)
            writer.finish()
    return {name: open_split(folder, name) for name in COUNTS}


def _flat_face(split: str, number: int, side: int = 72) -> tuple[np.ndarray, np.ndarray]:
    labels = draw_face((split, number), side, 0.2).labels
    noise = np.random.default_rng(number).normal(0, NOISE, (side, side, 3))
    pixels = np.clip(LAPA.colour(labels).astype(np.float64) + noise, 0, 255)
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")
