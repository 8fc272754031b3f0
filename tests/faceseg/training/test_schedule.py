"""The learning rate's factor at steps worked by hand, in numpy and in keras.ops alike."""

import numpy as np
import pytest
from keras import ops

from faceseg.training.schedule import FLOOR, Schedule, rate_factor


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.1),  # ten steps of warm-up, of 110
        (4, 0.5),
        (9, 1.0),
        (10, 1.0),  # the cosine begins at its top
        (35, 0.01 + 0.99 * 0.5 * (1 + np.sqrt(0.5))),  # a quarter of the way: 45 degrees
        (60, 0.505),  # half-way: the mean of 1 and the floor
        (110, 0.01),
        (500, 0.01),  # and it stays there
    ],
)
def test_warm_up_and_cosine_match_the_hand_count(step: int, expected: float) -> None:
    assert float(rate_factor(step, 10, 110, "cosine")) == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_the_others_stay_at_their_peak_after_the_warm_up(schedule: Schedule) -> None:
    factors = [float(rate_factor(step, 4, 100, schedule)) for step in (0, 1, 3, 4, 50, 99)]
    assert factors == [0.25, 0.5, 1, 1, 1, 1]


def test_without_a_warm_up_it_starts_at_the_peak() -> None:
    assert float(rate_factor(0, 0, 8, "cosine")) == 1


def test_a_training_of_one_step_has_a_rate() -> None:
    assert float(rate_factor(0, 0, 1, "cosine")) == 1
    assert float(rate_factor(0, 1, 1, "cosine")) == 1


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
@pytest.mark.parametrize(("warm_up", "total"), [(0, 7), (3, 40), (13, 14)])
def test_tensors_give_what_numbers_give(schedule: Schedule, warm_up: int, total: int) -> None:
    for step in range(total + 2):
        tensors = [ops.convert_to_tensor(float(each)) for each in (step, warm_up, total)]
        traced = float(ops.convert_to_numpy(rate_factor(*tensors, schedule, ops)))
        assert traced == pytest.approx(float(rate_factor(step, warm_up, total, schedule)), 1e-5)


def test_the_cosine_only_falls_and_never_below_its_floor() -> None:
    factors = np.array([float(rate_factor(step, 5, 60, "cosine")) for step in range(5, 80)])
    assert np.all(np.diff(factors) <= 0)
    assert factors.min() == FLOOR == 0.01
