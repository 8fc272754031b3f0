"""Fixtures: small networks of every architecture, and faces on which to compare them."""

from collections.abc import Callable
from functools import cache

import keras
import numpy as np
import pytest

from faceseg.data.classes import LAPA, ClassSet
from faceseg.inference.predictor import Predictor
from faceseg.networks import build
from pipelines.export.sample_images import SampleImages, draw_sample_images

GRID = (64, 64)
FEW = ClassSet(  # colours that 8 bits can separate
    names=("background", "skin", "hair"),
    palette=((0, 0, 0), (0, 153, 255), (255, 0, 102)),
    face=(1,),
    hair=2,
)


@pytest.fixture(scope="session")
def faces() -> SampleImages:
    return draw_sample_images(GRID)


@pytest.fixture(scope="session")
def few() -> ClassSet:
    return FEW


@pytest.fixture(scope="session")
def small(faces: SampleImages) -> Callable[[str], Predictor]:
    """Return a cached factory of predictors by architecture.

    With a momentum of 0 one forward pass in training mode fits the moving statistics to the
    faces. The logits then have the magnitude of a trained network's; those of a new network
    are almost 0.
    """

    @cache
    def make(name: str) -> Predictor:
        keras.utils.set_random_seed(1)
        network = build(name, (*GRID, 3), 11, alpha=0.35, width=0.1, batch_norm_momentum=0.0)
        network(faces.test[:8].astype(np.float32), training=True)
        return Predictor(network, LAPA)

    return make
