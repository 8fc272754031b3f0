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
from faceseg.training.distillation import Distillation, OutsideTeacher, soft_divergence
from faceseg.training.loop import Epoch, TrainingData
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import TEACHER, Stopwatch

from .conftest import SIZE, add_tiny
from .loss_gradient import gradient
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


def test_a_class_that_the_teacher_lacks_takes_no_part():
    """By hand: p = (3/4, 1/4) and q = (1/2, 1/2) of the two known classes in the first pixel.

    KL = 3/4 ln(3/2) + 1/4 ln(1/2) = 0.130812. The second pixel's q is p. The label of the third
    is the class that the teacher lacks, and the fourth is ignored: 0.130812 / 2.
    """
    lacks = float(np.finfo(np.float32).min) / 4
    teacher = np.array([[[[np.log(3), 0, lacks]] * 4]], np.float32)
    student = np.array([[[[0, 0, 5], [np.log(3), 0, -5], [7, 1, 2], [1, 9, 3]]]], np.float32)
    labels = np.array([[[0, 1, 2, 255]]], np.uint8)
    found = soft_divergence(teacher, student, labels, 1.0, (0, 1))
    assert float(ops.convert_to_numpy(found)) == pytest.approx(0.065406, abs=1e-6)
    # The gradient of KL is q - p, here over two pixels: (1/2 - 3/4) / 2.
    slopes = gradient(
        lambda truth, logits: soft_divergence(teacher, logits, truth, 1.0, (0, 1)), labels, student
    )
    expected = [[-0.125, 0.125, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(slopes[0, 0], expected, atol=1e-6)
    assert np.all(slopes[..., 2] == 0)
    for temperature in (0.01, 100.0):
        extreme = soft_divergence(teacher, student, labels, temperature, (0, 1))
        assert np.isfinite(ops.convert_to_numpy(extreme))


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
    outside = OutsideTeacher(Predictor(teachers[0], material.classes), (0, 1, 2, 3))
    for several, other in (([], None), (teachers, outside)):
        with pytest.raises(ValueError, match="at least one teacher, all of one kind"):
            Distillation(several, weight=1, temperature=1, outside=other)


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


def test_a_teacher_outside_of_the_step_teaches_as_one_in_it(
    spec: NetworkSpec,
    settings: TrainingSettings,
    material: TrainingData,
    *,
    teachers: list[keras.Model],
    taught: CompiledNetwork,
    run: Callable[..., Any],
    tmp_path: Path,
):
    """The same ensemble, once in the step and once behind a predictor."""
    mean = ensemble_predictor([Predictor(each, material.classes) for each in teachers])
    outside = OutsideTeacher(mean, (0, 1, 2, 3))
    student = CompiledNetwork(
        spec, settings, Distillation(weight=0.75, temperature=2, outside=outside)
    )
    stopwatch = Stopwatch()
    inside = run(taught, folder=tmp_path / "inside", epochs=2)
    found = run(student, folder=tmp_path / "outside", epochs=2, stopwatch=stopwatch)
    for one, other in zip(found.history, inside.history, strict=True):
        for name in ("train/loss", "val/loss"):
            assert one.metrics[name] == pytest.approx(other.metrics[name], rel=1e-3), name
    assert stopwatch.seconds()[TEACHER] > 0


def test_a_teacher_outside_of_the_step_has_a_grid_of_its_own(material: TrainingData):
    """Its network takes 16 px: images of 32 px are resized to it, and its logits back."""
    asked: list[NDArray[np.uint8]] = []

    class Halves:
        input_shape = (None, 16, 16, 3)

        def predict_on_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            asked.append(images)
            return np.repeat(images[..., :1].astype(np.float32), 4, axis=-1)

    teacher = OutsideTeacher(Predictor(Halves(), material.classes), (0, 1, 2, 3))
    red = np.zeros((2, *SIZE, 3), np.uint8)
    red[:, :, 16:, 0] = 200
    found = teacher.logits(red)
    assert asked[0].shape == (2, 16, 16, 3)
    assert (found.shape, found.dtype) == ((2, *SIZE, 4), np.float32)
    np.testing.assert_allclose(found[:, :, [0, 31]], [[[[0] * 4, [200] * 4]] * 32] * 2, atol=1e-3)


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
