"""The replay of recorded curves, counted by hand."""

from pathlib import Path

import pytest

from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, HIGH, LOW, Curve, append, read, settings
from tests.benchmarks.search_economy import Strategy, Table, full_search_target, share

RISING = tuple(0.01 * epoch for epoch in range(1, EPOCHS + 1))


def table(*curves: Curve) -> Table:
    """Return a table that has a curve for every batch size."""
    return Table([Curve(1e-3, size, 1.0, RISING) for size in BATCH_SIZES] + list(curves))


def test_a_table_comes_back_as_it_was_written(tmp_path: Path):
    curve = Curve(0.0015, 16, 12.5, RISING)
    append(tmp_path / "unet.csv", curve)
    append(tmp_path / "unet.csv", curve)
    assert read(tmp_path / "unet.csv") == [curve, curve]
    assert read(tmp_path / "none.csv") == []


def test_settings_fill_the_space_and_do_not_change_with_their_number():
    few, many = settings(8), settings(60)
    assert many[:8] == few
    assert all(LOW <= rate <= HIGH for rate, _ in many)
    assert {size for _, size in many} == set(BATCH_SIZES)


def test_the_nearest_curve_is_that_of_the_same_batch_size():
    high = Curve(1e-2, 8, 1.0, RISING[::-1])
    found = table(high)
    assert found.curve({"learning_rate": 3.1e-3, "batch_size": 16}).batch_size == 16
    assert found.curve({"learning_rate": 3.2e-3, "batch_size": 8}) is high  # by the logarithm
    assert found.curve({"learning_rate": 3.1e-3, "batch_size": 8}).learning_rate == 1e-3


def test_the_goal_counts_the_steps_of_every_trial():
    same = Table([Curve(1e-3, size, 1.0, RISING) for size in BATCH_SIZES])
    best, steps = full_search_target(same, trials=1, seed=0)
    assert best == max(RISING)
    assert steps in {EPOCHS * 24, EPOCHS * 12, EPOCHS * 6}  # 192 images by 8, 16 and 32


@pytest.mark.parametrize("pruner", ["none", "halving", "hyperband"])
def test_where_all_settings_are_alike_the_first_trial_is_enough(pruner):
    # One batch size: every trial has 18 x 24 steps. Full-length search runs four trials. When the
    # first of two workers ends its trial, the second lacks only its last epoch.
    one = Table([Curve(1e-3, size, 1.0, RISING) for size in BATCH_SIZES])
    one.by_size = {size: [Curve(1e-3, 8, 1.0, RISING)] for size in BATCH_SIZES}
    found, arrived = share(one, Strategy("", {"pruner": pruner}), trials=4, seed=0)
    assert arrived
    assert found == pytest.approx((2 * EPOCHS - 1) / (4 * EPOCHS))
