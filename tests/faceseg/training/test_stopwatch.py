"""Every second has one phase: worked by hand on a clock that is set by the test."""

import pytest

from faceseg.training.stopwatch import OTHER, Stopwatch


class Clock:
    """Stands where it is put."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_phase_within_another_takes_its_seconds_from_it(clock: Clock) -> None:
    watch = Stopwatch(clock)
    clock.now += 1  # other
    with watch.phase("steps"):
        clock.now += 10
        with watch.phase("input"):
            clock.now += 2
        clock.now += 20
        with watch.phase("steps"):  # within itself: still its own
            clock.now += 5
    clock.now += 0.5
    assert watch.seconds() == {OTHER: 1.5, "steps": 35.0, "input": 2.0}
    assert sum(watch.seconds().values()) == clock.now - 100


def test_what_is_read_includes_the_phase_that_is_open(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with watch.phase("steps"):
        clock.now += 3
        assert watch.seconds()["steps"] == 3
        clock.now += 4
    assert watch.seconds()["steps"] == 7


def test_a_lap_begins_again_in_the_phase_that_is_open(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with watch.phase("steps"):
        clock.now += 3
        assert watch.lap() == {OTHER: 0.0, "steps": 3.0}
        clock.now += 4
    assert watch.lap() == {"steps": 4.0, OTHER: 0.0}
    clock.now += 2
    assert watch.seconds() == {OTHER: 2.0}


def test_an_error_closes_its_phase(clock: Clock) -> None:
    watch = Stopwatch(clock)

    def breaks() -> None:
        with watch.phase("steps"):
            clock.now += 3
            raise ValueError("it broke")

    with pytest.raises(ValueError, match="broke"):
        breaks()
    clock.now += 1
    assert watch.seconds() == {OTHER: 1.0, "steps": 3.0}


def test_seconds_measured_elsewhere_are_added(clock: Clock) -> None:
    watch = Stopwatch(clock)
    watch.add({"steps": 8.0, "start": 2.0})
    with watch.phase("steps"):
        clock.now += 1
    assert watch.seconds() == {OTHER: 0.0, "steps": 9.0, "start": 2.0}
