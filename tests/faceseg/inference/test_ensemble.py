"""Ensembles against probabilities worked by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA, ClassSet
from faceseg.inference.ensemble import ensemble_predictor, is_mean
from faceseg.inference.predictor import Predictor, softmax

TWO = ClassSet(names=("background", "skin"), palette=((0, 0, 0), (1, 1, 1)), face=(1,))


class ConstantNetwork:
    """A network that predicts the same probability of skin everywhere, on its own grid."""

    def __init__(self, skin: float, grid: tuple[int, int]) -> None:
        self.input_shape = (None, *grid, 3)
        self.prediction = np.log(np.array([1 - skin, skin], dtype=np.float32))
        self.shapes: list[tuple[int, ...]] = []

    def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.shapes.append(images.shape)
        return np.broadcast_to(self.prediction, (*images.shape[:3], 2))


def member(skin: float, grid: tuple[int, int] = (4, 6)) -> Predictor:
    network: Any = ConstantNetwork(skin, grid)
    return Predictor(network, TWO)


def test_probabilities_are_averaged_not_logits() -> None:
    # (0.9 + 0.2 + 0.1) / 3 = 0.4; the mean of the logits would give 0.43 / (1 + 0.43) = 0.36.
    predictor = ensemble_predictor([member(0.9), member(0.2), member(0.1)])
    image = np.zeros((8, 12, 3), np.uint8)
    np.testing.assert_allclose(predictor.probabilities(image)[..., 1], 0.4, rtol=1e-6)
    assert not predictor.predict(image).any()


def test_an_ensemble_of_one_equals_its_member() -> None:
    alone = member(0.7)
    image = np.zeros((4, 6, 3), np.uint8)
    found = softmax(ensemble_predictor([alone]).logits([image, image]))
    np.testing.assert_allclose(found, softmax(alone.logits([image, image])), rtol=1e-6)


def test_each_member_predicts_on_its_own_grid() -> None:
    small, large = member(0.9, (4, 6)), member(0.5, (8, 12))
    predictor = ensemble_predictor([small, large])
    assert predictor.grid == (4, 6)
    found = predictor.logits([np.zeros((16, 24, 3), np.uint8)])
    assert found.shape == (1, 4, 6, 2)
    np.testing.assert_allclose(softmax(found)[..., 1], 0.7, rtol=1e-6)
    large_network: Any = large.network
    assert large_network.shapes == [(1, 8, 12, 3)]


def test_a_class_of_probability_zero_has_finite_logits() -> None:
    never = member(0.5)
    network: Any = never.network
    network.prediction = np.array([0, -1e9], dtype=np.float32)
    assert np.isfinite(ensemble_predictor([never]).logits([np.zeros((4, 6, 3), np.uint8)])).all()


def test_members_must_exist_and_have_the_same_classes() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        ensemble_predictor([])
    other: Any = ConstantNetwork(0.5, (4, 6))
    with pytest.raises(ValueError, match="the same classes"):
        ensemble_predictor([member(0.5), Predictor(other, LAPA)])


def test_an_ensembles_origin_is_what_its_members_have_in_common() -> None:
    origins = {"study": "a-1", "architecture": "unet"}, {"study": "a-1", "architecture": "segnet"}
    members = [Predictor(member(0.5).network, TWO, origin) for origin in origins]
    assert ensemble_predictor(members).origin == {"study": "a-1"}


def test_a_mean_is_told_from_a_network() -> None:
    alone = member(0.5)
    together = ensemble_predictor([alone, alone])
    means = [is_mean(each) for each in (alone, alone.mirrored(), together, together.mirrored())]
    assert means == [False, True, True, True]
