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


@pytest.fixture
def images() -> Images:
    """Return a maker of uint8 noise (B, H, W, 3), the same at every call."""

    def make(height: int, width: int, count: int = 2) -> NDArray[np.uint8]:
        return np.random.default_rng(7).integers(0, 256, (count, height, width, 3), np.uint8)

    return make


@pytest.fixture(scope="module")
def small() -> Iterator[Callable[..., keras.Model]]:
    """Return `build` at alpha 0.35 and width 0.25, which makes each network once a file."""

    @cache
    def make(name: str, height: int = 64, width: int = 64, **options: Any) -> keras.Model:
        keras.utils.set_random_seed(1)
        return build(name, (height, width, 3), 5, alpha=0.35, width=0.25, **options)

    yield make
    make.cache_clear()
