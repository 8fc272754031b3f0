"""Every second belongs to one phase: worked by hand with a clock that the test sets."""

import pytest

from faceseg.training.stopwatch import OTHER, Stopwatch


class Clock:
    """A clock that shows the time that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_phase_within_another_is_not_counted_twice(clock: Clock) -> None:
    stopwatch = Stopwatch(clock)
    clock.now += 1  # other
    with stopwatch.phase("steps"):
        clock.now += 10
        with stopwatch.phase("input"):
            clock.now += 2
        clock.now += 20
        with stopwatch.phase("steps"):  # nested in itself
            clock.now += 5
    clock.now += 0.5
    assert stopwatch.seconds() == {OTHER: 1.5, "steps": 35.0, "input": 2.0}
    assert sum(stopwatch.seconds().values()) == clock.now - 100


def test_seconds_include_the_phase_that_is_open(clock: Clock) -> None:
    stopwatch = Stopwatch(clock)
    with stopwatch.phase("steps"):
        clock.now += 3
        assert stopwatch.seconds()["steps"] == 3
        clock.now += 4
    assert stopwatch.seconds()["steps"] == 7


def test_a_lap_resets_to_zero_in_the_phase_that_is_open(clock: Clock) -> None:
    stopwatch = Stopwatch(clock)
    with stopwatch.phase("steps"):
        clock.now += 3
        assert stopwatch.lap() == {OTHER: 0.0, "steps": 3.0}
        clock.now += 4
    assert stopwatch.lap() == {"steps": 4.0, OTHER: 0.0}
    clock.now += 2
    assert stopwatch.seconds() == {OTHER: 2.0}


def test_an_error_closes_its_phase(clock: Clock) -> None:
    stopwatch = Stopwatch(clock)

    def breaks() -> None:
        with stopwatch.phase("steps"):
            clock.now += 3
            raise ValueError("it broke")

    with pytest.raises(ValueError, match="broke"):
        breaks()
    clock.now += 1
    assert stopwatch.seconds() == {OTHER: 1.0, "steps": 3.0}


def test_seconds_measured_elsewhere_are_added(clock: Clock) -> None:
    stopwatch = Stopwatch(clock)
    stopwatch.add({"steps": 8.0, "start": 2.0})
    with stopwatch.phase("steps"):
        clock.now += 1
    assert stopwatch.seconds() == {OTHER: 0.0, "steps": 9.0, "start": 2.0}
