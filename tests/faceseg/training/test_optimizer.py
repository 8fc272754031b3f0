"""The optimizer against Adam computed in float64 at rates worked by hand, and decay by hand.

Keras's own Adam is not precise enough for this tolerance: in float32 its 1 - 0.999 and its
1 - 0.999^t are off by a hundred-thousandth.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.networks import is_encoder_variable
from faceseg.training.optimizer import ScheduledAdam
from faceseg.training.schedule import Schedule

PEAK = 0.1
# Two warm-up steps, then half a cosine over four: at 0, 45 and 90 degrees.
RATES = [0.05, 0.1, 0.1, 0.1 * (0.01 + 0.99 * (1 + np.sqrt(0.5)) / 2), 0.0505]
Arrays = list[NDArray[np.float32]]


def make_variables() -> list[keras.Variable]:
    """Return a kernel and a bias of the encoder, and the same of the decoder."""
    draws = np.random.default_rng(3)
    variables = []
    for name in ("encoder_1_conv", "decoder"):
        layer = keras.layers.Dense(3, name=name)
        layer.build((None, 2))
        for each in layer.variables:
            each.assign(draws.standard_normal(tuple(each.shape)))
            variables.append(each)
    return variables


def make_gradients(steps: int, scale: float = 1.0) -> list[Arrays]:
    draws = np.random.default_rng(4)
    shapes = [(2, 3), (3,), (2, 3), (3,)]
    return [
        [scale * draws.standard_normal(shape).astype(np.float32) for shape in shapes]
        for _ in range(steps)
    ]


def tensors(gradients: Arrays) -> list[Any]:
    """Return gradients as tensors of the backend."""
    return [keras.ops.convert_to_tensor(each) for each in gradients]


def make_optimizer(
    variables: Sequence[keras.Variable],
    schedule: Schedule = "cosine",
    clip_norm: float | None = None,
    **scalars: float,
) -> ScheduledAdam:
    optimizer = ScheduledAdam(schedule, clip_norm, is_encoder_variable)
    optimizer.build(list(variables))
    optimizer.learning_rate = PEAK
    for name, value in {"warmup_steps": 2, "total_steps": 6, **scalars}.items():
        getattr(optimizer, name).assign(value)
    return optimizer


class Adam:
    """Kingma and Ba 2014, algorithm 1, with the epsilon of its section 2 (as in Keras)."""

    def __init__(self, start: Arrays, decay: float = 0.0) -> None:
        self.at = [each.astype(np.float64) for each in start]
        self.m = [np.zeros_like(each) for each in self.at]
        self.v = [np.zeros_like(each) for each in self.at]
        self.decay = decay
        self.step = 0

    def apply(self, rate: float, gradients: Arrays) -> Arrays:
        self.step += 1
        alpha = rate * np.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        for index, gradient in enumerate(gradients):
            self.m[index] += 0.1 * (gradient - self.m[index])
            self.v[index] += 0.001 * (np.square(gradient, dtype=np.float64) - self.v[index])
            if self.at[index].ndim > 1:
                self.at[index] *= 1 - rate * self.decay
            self.at[index] -= alpha * self.m[index] / (np.sqrt(self.v[index]) + 1e-7)
        return self.at


def values(variables: Sequence[keras.Variable]) -> Arrays:
    return [keras.ops.convert_to_numpy(each).copy() for each in variables]


def assert_close(found: Arrays, expected: Arrays) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fused", [True, False])
def test_its_steps_are_adams_steps_at_the_scheduled_rate(
    fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:  # as on a backend without such an operation
        monkeypatch.setattr("faceseg.training.optimizer.fused_adam", lambda: None)
    mine = make_variables()
    optimizer, adam = make_optimizer(mine), Adam(values(mine))
    for rate, gradients in zip(RATES, make_gradients(len(RATES)), strict=True):
        optimizer.apply(tensors(gradients), mine)
        assert_close(values(mine), adam.apply(rate, gradients))


def test_the_plateau_scales_every_rate_and_the_encoder_scale_the_encoders() -> None:
    mine = make_variables()
    start = values(mine)
    optimizer = make_optimizer(mine, "plateau", plateau_scale=0.5, encoder_scale=0.1)
    gradients = make_gradients(1)[0]
    optimizer.apply(tensors(gradients), mine)
    # The first of two warm-up steps is at half the peak; the plateau halves it again.
    slow, slower = (Adam(start).apply(rate, gradients) for rate in (0.025, 0.0025))
    assert_close(values(mine), slower[:2] + slow[2:])


def test_the_decay_is_decoupled_scheduled_and_on_kernels_only() -> None:
    variables = make_variables()
    before = values(variables)
    optimizer = make_optimizer(variables, decay=0.2, encoder_scale=0.5)
    nothing = [np.zeros(tuple(each.shape), np.float32) for each in variables]
    # Without a gradient Adam changes nothing. Rates are 0.05 and 0.1, the encoder's are half.
    optimizer.apply(tensors(nothing), variables)
    optimizer.apply(tensors(nothing), variables)
    after = values(variables)
    assert_close(after[2:3], [before[2] * (1 - 0.05 * 0.2) * (1 - 0.1 * 0.2)])
    assert_close(after[0:1], [before[0] * (1 - 0.025 * 0.2) * (1 - 0.05 * 0.2)])
    np.testing.assert_array_equal(after[1], before[1])
    np.testing.assert_array_equal(after[3], before[3])


def test_with_a_gradient_the_decay_is_adamws() -> None:
    mine = make_variables()
    optimizer, adamw = make_optimizer(mine, decay=0.3), Adam(values(mine), decay=0.3)
    for rate, gradients in zip(RATES, make_gradients(len(RATES)), strict=True):
        optimizer.apply(tensors(gradients), mine)
        assert_close(values(mine), adamw.apply(rate, gradients))


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_a_frozen_encoder_does_not_change_by_one_bit(decay: float) -> None:
    variables = make_variables()
    before = values(variables)
    optimizer = make_optimizer(variables, decay=decay, encoder_scale=0.0)
    for gradients in make_gradients(3):
        optimizer.apply(tensors(gradients), variables)
    after = values(variables)
    for index in (0, 1):
        np.testing.assert_array_equal(after[index], before[index])
    for index in (2, 3):
        assert np.all(after[index] != before[index])


def test_gradients_are_clipped_by_their_common_norm() -> None:
    # Adam's first step does not depend on the scale, so a long gradient is followed by a short one.
    mine, theirs = make_variables(), make_variables()
    long, short = make_gradients(1, scale=50.0)[0], make_gradients(1, scale=0.01)[0]
    norm = np.sqrt(sum(np.sum(each.astype(np.float64) ** 2) for each in long))
    assert norm > 100
    assert np.sqrt(sum(np.sum(each**2) for each in short)) < 0.1
    optimizer, adam = make_optimizer(mine, clip_norm=2.0), make_optimizer(theirs)
    for given, clipped in ((long, [2 * each / norm for each in long]), (short, short)):
        optimizer.apply(tensors(given), mine)
        adam.apply(clipped, theirs)
    assert_close(values(mine), values(theirs))


def test_building_twice_changes_nothing() -> None:
    variables = make_variables()
    optimizer = make_optimizer(variables)
    count = len(optimizer.variables)
    optimizer.build(variables)
    assert len(optimizer.variables) == count
    assert float(optimizer.total_steps) == 6
