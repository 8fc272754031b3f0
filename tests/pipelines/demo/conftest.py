"""Fixtures: three networks whose predictions are known, and a portrait."""

import os
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from faceseg.data.classes import LAPA
from faceseg.data.decoder_processes import DecoderProcesses
from faceseg.data.drawn import draw_face
from faceseg.networks.saving import save_network
from pipelines.demo.networks import DemoNetwork, open_networks

DATA = Path(os.environ.get("FACESEG_DATA", Path(__file__).parents[4] / "shared/data"))
# The labels of red, green and blue pixels by each network.
LABELS = {"first": (1, 10, 6), "second": (1, 2, 10), "third": (10, 1, 3)}


@pytest.fixture(scope="session")
def decoders() -> Iterator[DecoderProcesses]:
    with DecoderProcesses(1) as processes:
        yield processes


@pytest.fixture(scope="session")
def network_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("networks")
    paths = []
    for name, ids in LABELS.items():
        image = keras.Input((32, 32, 3))
        kernel = np.zeros((1, 1, 3, 11), dtype=np.float32)
        kernel[0, 0, [0, 1, 2], ids] = 1
        layer = keras.layers.Conv2D(11, 1, kernel_initializer=keras.initializers.Constant(kernel))
        paths.append(folder / f"{name}.keras")
        origin = {"architecture": f"the {name} of three", "study": "by-hand"}
        save_network(keras.Model(image, layer(image)), paths[-1], LAPA, origin)
    return paths


@pytest.fixture(scope="session")
def networks(network_files: list[Path]) -> list[DemoNetwork]:
    return open_networks([str(path) for path in network_files], tracking=None)


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a photograph-like portrait if FACESEG_DATA contains one, else a drawn face."""
    found = sorted((DATA / "facesynth_lapa/test/images").glob("*.jpg"))
    if found:
        return found[0]
    path = tmp_path_factory.mktemp("portrait") / "drawn.png"
    Image.fromarray(draw_face((1, "test", 0), 200).image).save(path)
    return path
