"""Small images, and small networks that are built once for each file of tests."""

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
    """Return a function that makes uint8 noise (B, H, W, 3), the same at every call."""
    return noise


@pytest.fixture(scope="module")
def small() -> Iterator[Callable[..., keras.Model]]:
    """Return `build` at alpha 0.35 and width 0.25, which builds each network once a file.

    With a momentum of 0 one pass in training mode fits the moving statistics to the noise. Logits
    then have the magnitude of trained ones; those of a new network are close to 0.
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
