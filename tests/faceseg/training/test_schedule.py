"""The learning rate and the decisions from a history, worked by hand."""

import math

import numpy as np
import pytest
from keras import ops

from faceseg.training.schedule import (
    COSINE_FLOOR,
    Epoch,
    Schedule,
    best_epoch,
    learning_rate_factor,
    plateau_scale,
    should_stop_early,
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.1),  # ten steps of warm-up, of 110
        (4, 0.5),
        (9, 1.0),
        (10, 1.0),  # the cosine begins at its maximum
        (35, 0.01 + 0.99 * 0.5 * (1 + np.sqrt(0.5))),  # a quarter of the way: 45 degrees
        (60, 0.505),  # half-way: the mean of 1 and the floor
        (110, 0.01),
        (500, 0.01),  # it stays there
    ],
)
def test_warm_up_and_cosine_match_the_hand_count(step: int, expected: float) -> None:
    assert float(learning_rate_factor(step, 10, 110, "cosine")) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_the_other_schedules_stay_at_their_peak_after_the_warm_up(schedule: Schedule) -> None:
    factors = [float(learning_rate_factor(step, 4, 100, schedule)) for step in (0, 1, 3, 4, 50, 99)]
    assert factors == [0.25, 0.5, 1, 1, 1, 1]


def test_without_a_warm_up_it_starts_at_the_peak() -> None:
    assert float(learning_rate_factor(0, 0, 8, "cosine")) == 1


def test_a_training_of_one_step_has_a_rate() -> None:
    assert float(learning_rate_factor(0, 0, 1, "cosine")) == 1
    assert float(learning_rate_factor(0, 1, 1, "cosine")) == 1


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize(("warm_up", "total"), [(0, 7), (3, 40), (13, 14)])
def test_tensors_give_what_numbers_give(schedule: Schedule, warm_up: int, total: int) -> None:
    for step in range(total + 2):
        tensors = [ops.convert_to_tensor(float(each)) for each in (step, warm_up, total)]
        traced = float(ops.convert_to_numpy(learning_rate_factor(*tensors, schedule, ops)))
        assert traced == pytest.approx(
            float(learning_rate_factor(step, warm_up, total, schedule)), 1e-5
        )


def test_the_cosine_decreases_to_its_floor() -> None:
    factors = np.array(
        [float(learning_rate_factor(step, 5, 60, "cosine")) for step in range(5, 80)]
    )
    assert np.all(np.diff(factors) <= 0)
    assert factors.min() == COSINE_FLOOR == 0.01


def scored(*values: float, name: str = "val/iou") -> list[Epoch]:
    return [Epoch(number, 0.0, {name: value}) for number, value in enumerate(values, start=1)]


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_epoch(scored(0.1, 0.4, 0.3, 0.4)).number == 2


def test_an_undefined_iou_counts_as_zero() -> None:
    assert best_epoch(scored(math.nan, 0.0, 0.2, math.nan)).number == 3
    assert best_epoch(scored(math.nan, math.nan)).number == 1


@pytest.mark.parametrize(
    ("values", "patience", "stale"),
    [
        ((), 1, False),
        ((0.5,), 1, False),
        ((0.5, 0.5), 1, True),  # an equal value is not better
        ((0.5, 0.4, 0.6), 2, False),
        ((0.5, 0.4, 0.45), 2, True),
        ((0.5, 0.4, 0.45), 3, False),
        ((0.5, 0.4, 0.3), None, False),
    ],
)
def test_early_stopping_counts_epochs_since_the_best(
    values: tuple[float, ...], patience: int | None, stale: bool
) -> None:
    assert should_stop_early(scored(*values), patience) is stale


@pytest.mark.parametrize(
    ("losses", "power"),
    [
        ((), 0),
        ((1.0, 0.9, 0.8), 0),
        ((1.0, 1.1), 0),  # one epoch of two
        ((1.0, 1.1, 1.0), 1),  # an equal value is not better
        ((1.0, 1.1, 0.9, 1.0), 0),  # a better value restarts the count
        ((1.0, 1.1, 1.2, 1.3, 1.4), 2),
        ((1.0, 1.1, 1.2, 0.5, 0.6, 0.7), 2),  # a better value does not raise the rate again
        ((1.0, math.nan, math.nan), 1),
    ],
)
def test_the_plateau_applies_a_factor_after_every_two_epochs_without_progress(
    losses: tuple[float, ...], power: int
) -> None:
    found = plateau_scale(scored(*losses, name="val/loss"), factor=0.1, patience=2)
    assert found == pytest.approx(0.1**power)
