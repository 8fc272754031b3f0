"""The replay of recorded curves with two goals, on curves that are known by hand."""

import math

import pytest

from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, Curve
from tests.benchmarks.goal_curves import WIDTHS, macs
from tests.benchmarks.goal_economy import experiment, hypervolume, replay
from tests.benchmarks.search_economy import Table

SMALL, MIDDLE, LARGE = (float(macs(width)) for width in WIDTHS)
EDGE = math.log(1.1 * LARGE)


def test_multiply_accumulates_by_hand():
    # 16 x 16 positions: 3 x 3 x 3 x 4 weights, three times 3 x 3 x 4 x 4, and 4 x 11.
    assert macs(4) == 256 * (108 + 432 + 44)


def test_the_hypervolume_is_the_area_that_the_points_dominate():
    small = 0.2 * (EDGE - math.log(SMALL))
    assert hypervolume([(0.2, SMALL)]) == pytest.approx(small)
    assert hypervolume([(0.2, SMALL), (0.1, LARGE)]) == pytest.approx(small)  # dominated
    both = small + 0.3 * (EDGE - math.log(MIDDLE))
    assert hypervolume([(0.5, MIDDLE), (0.2, SMALL), (0.1, SMALL)]) == pytest.approx(both)


def tables(scores: dict[int, float]) -> dict[int, Table]:
    """Curves that reach their width's score in the first epoch, with one batch size's steps."""
    curves = {width: Curve(1e-3, 8, 1.0, (score,) * EPOCHS) for width, score in scores.items()}
    made = {}
    for width, curve in curves.items():
        made[width] = Table([curve])
        made[width].by_size = {size: [curve] for size in BATCH_SIZES}
    return made


@pytest.mark.parametrize("sampler", ["tpe", "nsga3", "random"])
def test_pruning_saves_steps_and_keeps_the_front(sampler: str):
    alike = tables({4: 0.2, 12: 0.4, 36: 0.1})  # the large network is beaten by both others
    search = {"sampler": sampler, "pruner": "none"}
    whole = replay(alike, experiment(search, 12, seed=0), 12)
    assert whole[1] == 12 * EPOCHS * 24
    search |= {"pruner": "halving", "grace_epochs": 1}
    pruned = replay(alike, experiment(search, 12, seed=0), 12)
    assert pruned[0] == pytest.approx(whole[0])
    assert pruned[1] < whole[1]
