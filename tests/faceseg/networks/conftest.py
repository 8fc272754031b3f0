"""Small images, and small networks built once for a whole file of tests."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.networks import build

Images = Callable[..., NDArray[np.uint8]]


def noise(height: int, width: int, count: int = 2) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.fixture
def images() -> Images:
    """Return a maker of uint8 noise (B, H, W, 3), the same at every call."""
    return noise


@pytest.fixture(scope="module")
def small() -> Iterator[Callable[..., keras.Model]]:
    """Return `build` at alpha 0.35 and width 0.25, which makes each network once a file.

    At a momentum of 0 one pass in training fits the moving statistics to the noise: logits
    then have the size of trained ones, where a fresh network's fade to nothing.
    """

    @cache
    def make(name: str, height: int = 64, width: int = 64, **options: Any) -> keras.Model:
        keras.utils.set_random_seed(1)
        options = {"alpha": 0.35, "width": 0.25, "batch_norm_momentum": 0.0, **options}
        model = build(name, (height, width, 3), 5, **options)
        model(noise(height, width, 2), training=True)
        return model

    yield make
    make.cache_clear()
