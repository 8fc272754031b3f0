"""The replay of warm-started searches: planted memories by hand, and a search that needs one."""

import math

from pipelines.search.memory import RUNGS, Trial
from tests.benchmarks.curves import BATCH_SIZES, EPOCHS, Curve
from tests.benchmarks.search_economy import Table
from tests.benchmarks.warm_start import moved, replay, reversed_scores


def trial(rate: float, *scores: float) -> Trial:
    return Trial({"learning_rate": rate, "batch_size": 8}, scores)


def flat(rate: float, size: int, score: float) -> Curve:
    return Curve(rate, size, 1.0, (score,) * EPOCHS)


# One narrow optimum: a batch of 8 at a learning rate from 0.009 to 0.011.
TABLE = Table(
    [flat(1e-2, 8, 0.9), *(flat(rate, 8, 0.1) for rate in (8.1e-3, 1.2e-2))]
    + [flat(1e-2, size, 0.1) for size in BATCH_SIZES[1:]]
)
GOOD = [trial(1e-2, *[0.9] * RUNGS), trial(1e-3, *[0.1] * RUNGS), trial(2e-2, *[0.1] * RUNGS)]


def test_learning_rates_move_inside_the_space():
    found = moved([trial(1e-3, 0.1), trial(2e-2, 0.2)])
    assert [(each.parameters["learning_rate"], each.scores) for each in found] == [(3e-3, (0.1,))]


def test_scores_change_places_at_every_rung():
    found = reversed_scores([trial(1, 0.1, 0.9), trial(2, 0.2), trial(3, 0.3, 0.5)])
    assert [each.scores for each in found] == [(0.3, 0.5), (0.2,), (0.1, 0.9)]


def test_an_earlier_study_leads_to_the_goal():
    found, alone = replay(TABLE, 0, 0.9, 20, GOOD), replay(TABLE, 0, 0.9, 20)
    assert found.arrived
    assert found.steps < alone.steps
    best = max(found.trials, key=lambda each: each.scores[-1])
    assert 0.009 < best.parameters["learning_rate"] < 0.011
    assert 0 < found.borrowed < found.steps
    assert alone.borrowed == 0


def test_a_search_ends_when_its_trials_are_used_up():
    assert not replay(TABLE, 0, math.inf, 2).arrived


def test_the_same_search_has_the_same_steps():
    assert replay(TABLE, 3, 0.9, 20, GOOD) == replay(TABLE, 3, 0.9, 20, GOOD)
