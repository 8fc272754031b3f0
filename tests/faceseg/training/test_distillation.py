"""Distillation: the loss by hand, the teacher in a training step, and resuming with a teacher."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray
from scipy.special import rel_entr, softmax

from faceseg.inference.ensemble import ensemble_predictor
from faceseg.inference.predictor import Predictor
from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
from faceseg.training.distillation import Distillation, soft_divergence
from faceseg.training.loop import Epoch, TrainingData
from faceseg.training.settings import TrainingSettings

from .conftest import SIZE, add_tiny
from .write_interception import Killed

IMAGES = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 4, (2, *SIZE), dtype=np.uint8)


def drawn(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 3, (1, 2, 2, 3)).astype(np.float32)


def divergence(temperature: float, labels: NDArray[np.uint8]) -> float:
    return float(ops.convert_to_numpy(soft_divergence(drawn(0), drawn(1), labels, temperature)))


def values(network: keras.Model) -> list[Any]:
    return [np.array(ops.convert_to_numpy(each)) for each in network.variables]


def assert_same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_divergence_is_the_relative_entropy_of_the_soft_probabilities(temperature: float):
    """SciPy's, over the three pixels that are not ignored."""
    labels = np.array([[[0, 1], [255, 2]]], dtype=np.uint8)
    wanted, found = (softmax(drawn(seed) / temperature, axis=-1) for seed in (0, 1))
    pixels = rel_entr(wanted, found).sum(axis=-1)[labels != 255]
    expected = temperature**2 * pixels.mean()
    np.testing.assert_allclose(divergence(temperature, labels), expected, rtol=1e-5)


def test_a_batch_without_a_scored_pixel_has_no_divergence():
    assert divergence(2.0, np.full((1, 2, 2), 255, np.uint8)) == 0


def test_the_gradient_hardly_depends_on_the_temperature():
    """For large T, T² KL tends to half the mean square of centred logits' differences.

    Hinton et al. 2015, section 2.1.
    """
    difference = drawn(0) - drawn(1)
    difference -= difference.mean(axis=-1, keepdims=True)
    limit = (difference**2).mean(axis=-1).mean() / 2
    found = divergence(1000.0, np.zeros((1, 2, 2), np.uint8))
    np.testing.assert_allclose(found, limit, rtol=1e-2)


@pytest.fixture(scope="module")
def teachers(spec: NetworkSpec) -> list[keras.Model]:
    with pytest.MonkeyPatch.context() as patch:
        add_tiny(patch)
        return [spec.build(seed) for seed in (11, 12)]


@pytest.fixture(scope="module")
def taught(
    spec: NetworkSpec, settings: TrainingSettings, teachers: list[keras.Model]
) -> CompiledNetwork:
    with pytest.MonkeyPatch.context() as patch:
        add_tiny(patch)
        distillation = Distillation(teachers, weight=0.75, temperature=2.0)
        return CompiledNetwork(spec, settings, distillation)


def test_the_teachers_logits_are_those_of_the_ensemble(
    teachers: list[keras.Model], material: TrainingData
):
    """They differ by a constant of each pixel, which changes no probability."""
    mean = ensemble_predictor([Predictor(each, material.classes) for each in teachers])
    found = Distillation(teachers, weight=1, temperature=1).logits(IMAGES)
    alone = Distillation(teachers[:1], weight=1, temperature=1).logits(IMAGES)
    expected = softmax(mean.logits(list(IMAGES)), axis=-1)
    np.testing.assert_allclose(softmax(np.asarray(found), axis=-1), expected, atol=1e-5)
    plain = Predictor(teachers[0], material.classes).logits(list(IMAGES))
    np.testing.assert_allclose(np.asarray(alone), plain, atol=1e-5)
    with pytest.raises(ValueError, match="at least one teacher"):
        Distillation([], weight=1, temperature=1)


def test_training_mixes_the_labels_and_the_teacher_and_validation_has_labels_alone(
    taught: CompiledNetwork,
):
    student = np.random.default_rng(2).normal(size=(2, *SIZE, 4)).astype(np.float32)
    labels_loss = taught.model.segmentation_loss(LABELS, student)
    assert taught.model.distillation is not None
    soft = soft_divergence(taught.model.distillation.logits(IMAGES), student, LABELS, 2.0)
    mixed = taught.model.compute_loss(IMAGES, LABELS, student, training=True)
    tested = taught.model.compute_loss(IMAGES, LABELS, student, training=False)
    numbers = [float(ops.convert_to_numpy(each)) for each in (labels_loss, soft, mixed, tested)]
    assert numbers[2] == pytest.approx(numbers[0] + 0.75 * numbers[1], rel=1e-5)
    assert numbers[3] == pytest.approx(numbers[0], rel=1e-6)


def test_a_student_follows_a_teacher_whose_term_outweighs_the_labels(
    spec: NetworkSpec, settings: TrainingSettings, material: TrainingData, run: Callable[..., Any]
):
    """Its teacher gives an eye everywhere; without it, the student learns the labels."""
    teacher = spec.build(3)
    last = [layer for layer in teacher.layers if layer.weights][-1]
    last.set_weights([np.zeros(last.kernel.shape), np.array([0, 0, 9, 0])])
    student = CompiledNetwork(spec, settings, Distillation([teacher], weight=99, temperature=1))
    run(student)
    image, labels = material.validation.original(0)
    predicted = Predictor(student.network, material.classes).predict(image)
    assert (labels == 2).mean() < 0.05
    assert (predicted == 2).mean() > 0.8


def test_a_teacher_is_neither_trained_nor_stored_and_a_resumed_student_is_the_same(
    taught: CompiledNetwork,
    compiled: CompiledNetwork,
    *,
    teachers: list[keras.Model],
    run: Callable[..., Any],
    same_history: Callable[..., None],
    tmp_path: Path,
):
    before = [values(each) for each in teachers]
    assert len(taught.model.variables) == len(compiled.model.variables)
    assert len(taught.optimizer_variables) == len(compiled.optimizer_variables)
    whole = run(taught, folder=tmp_path / "whole")
    weights = values(taught.network)

    def die(epoch: Epoch) -> bool:
        if epoch.number == 2:
            raise Killed
        return True

    with pytest.raises(Killed):
        run(taught, folder=tmp_path / "broken", on_epoch=die)
    same_history(run(taught, folder=tmp_path / "broken").history, whole.history)
    assert_same(values(taught.network), weights)
    for each, expected in zip(teachers, before, strict=True):
        assert_same(values(each), expected)
    alone = run(compiled, folder=tmp_path / "alone")
    assert len(alone.history) == len(whole.history)
    assert any(
        not np.array_equal(*pair) for pair in zip(values(compiled.network), weights, strict=True)
    )
