"""The mean with the mirror image, against a network whose logits are known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from faceseg.data.augmentation import flip
from faceseg.data.classes import ClassSet
from faceseg.inference.mirrored import mean_of_views
from faceseg.inference.predictor import Predictor

EYES = ClassSet(
    names=("background", "left_eye", "right_eye"),
    palette=((0, 0, 0), (1, 1, 1), (2, 2, 2)),
    pairs=((1, 2),),
    face=(1, 2),
    eyes=(1, 2),
)


class Linear:
    """A network whose logits are a fixed mixture of a pixel's own and its place's weights."""

    def __init__(self, height: int, width: int, seed: int = 0) -> None:
        self.input_shape = (None, height, width, 3)
        rng = np.random.default_rng(seed)
        self.mixture = rng.normal(size=(3, 3)).astype(np.float32)
        self.places = rng.normal(size=(height, width, 3)).astype(np.float32)
        self.calls = 0

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls += 1
        return (images.astype(np.float32) / 255) @ self.mixture + self.places


def predictor(height: int, width: int, seed: int = 0) -> Predictor:
    network: Any = Linear(height, width, seed)
    return Predictor(network, EYES)


def test_the_mean_by_hand():
    """Two pixels: the mirror image's are exchanged, and so are its left and right eye."""
    plain = np.array([[[1, 2, 3], [4, 5, 6]]], np.float32)
    mirror = np.array([[[10, 20, 30], [40, 50, 60]]], np.float32)
    # Pixel 0 is the mirror's pixel 1: 40, and its right eye (60) is the left eye here.
    assert mean_of_views(plain, mirror, EYES).tolist() == [[[20.5, 31, 26.5], [7, 17.5, 13]]]


def test_the_network_runs_on_the_image_and_on_its_mirror():
    base = predictor(2, 4)
    image = np.random.default_rng(1).integers(0, 256, (2, 4, 3), dtype=np.uint8)
    plain, mirror = base.logits([image])[0], base.logits([image[:, ::-1]])[0]
    expected = (plain + mirror[:, ::-1][..., [0, 2, 1]]) / 2
    np.testing.assert_allclose(base.mirrored().logits([image])[0], expected, rtol=1e-6)


@given(seed=st.integers(0, 2**16), height=st.integers(1, 7), width=st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_the_logits_of_the_mirror_image_are_the_mirrored_logits(seed: int, height: int, width: int):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    twice = predictor(height, width, seed).mirrored()
    found = twice.logits([image[:, ::-1]])[0]
    np.testing.assert_array_equal(found, twice.logits([image])[0][:, ::-1][..., [0, 2, 1]])


def test_the_labels_of_the_mirror_image_are_the_mirrored_labels():
    """Of an even width: in the middle column of an odd one, left and right are equally likely."""
    image = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    twice = predictor(6, 8).mirrored()
    mirror_image, mirrored_labels = flip(image, twice.predict(image), EYES)
    np.testing.assert_array_equal(twice.predict(mirror_image), mirrored_labels)


def test_a_network_alone_is_not_equivariant():
    """So the property above is one of the mean."""
    base = predictor(4, 4)
    image = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    mirror_image, mirrored_labels = flip(image, base.predict(image), EYES)
    assert not np.array_equal(base.predict(mirror_image), mirrored_labels)


@pytest.mark.parametrize("size", [(4, 6), (9, 13)])
def test_probabilities_and_labels_have_the_size_of_the_photograph(size: tuple[int, int]):
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    twice = predictor(4, 6).mirrored()
    assert twice.predict(image).shape == size
    np.testing.assert_allclose(twice.probabilities(image).sum(axis=-1), 1, rtol=1e-5)


def test_it_costs_two_calls_and_never_four():
    base = predictor(2, 2)
    network: Any = base.network
    image = np.zeros((2, 2, 3), np.uint8)
    base.mirrored().mirrored().logits([image, image, image])
    assert network.calls == 2
