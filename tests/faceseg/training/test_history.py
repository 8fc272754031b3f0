"""What a history decides, worked by hand."""

import math

import pytest

from faceseg.training.history import Epoch, best_of, is_stale, plateau_scale


def scored(*values: float, name: str = "val/iou") -> list[Epoch]:
    return [Epoch(number, 0.0, {name: value}) for number, value in enumerate(values, start=1)]


def test_the_best_epoch_is_the_first_of_equals() -> None:
    assert best_of(scored(0.1, 0.4, 0.3, 0.4)).number == 2


def test_an_undefined_iou_counts_as_nothing() -> None:
    assert best_of(scored(math.nan, 0.0, 0.2, math.nan)).number == 3
    assert best_of(scored(math.nan, math.nan)).number == 1


@pytest.mark.parametrize(
    ("values", "patience", "stale"),
    [
        ((), 1, False),
        ((0.5,), 1, False),
        ((0.5, 0.5), 1, True),  # an equal is no better
        ((0.5, 0.4, 0.6), 2, False),
        ((0.5, 0.4, 0.45), 2, True),
        ((0.5, 0.4, 0.45), 3, False),
        ((0.5, 0.4, 0.3), None, False),
    ],
)
def test_early_stopping_counts_epochs_since_the_best(
    values: tuple[float, ...], patience: int | None, stale: bool
) -> None:
    assert is_stale(scored(*values), patience) is stale


@pytest.mark.parametrize(
    ("losses", "power"),
    [
        ((), 0),
        ((1.0, 0.9, 0.8), 0),
        ((1.0, 1.1), 0),  # one epoch of two
        ((1.0, 1.1, 1.0), 1),  # an equal is no better
        ((1.0, 1.1, 0.9, 1.0), 0),  # a better one starts the count again
        ((1.0, 1.1, 1.2, 1.3, 1.4), 2),
        ((1.0, 1.1, 1.2, 0.5, 0.6, 0.7), 2),  # what was taken is not given back
        ((1.0, math.nan, math.nan), 1),
    ],
)
def test_the_plateau_takes_a_factor_for_every_two_epochs_without_progress(
    losses: tuple[float, ...], power: int
) -> None:
    found = plateau_scale(scored(*losses, name="val/loss"), factor=0.1, patience=2)
    assert found == pytest.approx(0.1**power)
