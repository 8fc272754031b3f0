"""Pruning with several goals: the order at a rung, the rungs, costs and bounds."""

from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from pipelines.config.goals import parse_goals
from pipelines.config.search_section import Search
from pipelines.search.front_pruner import FrontPruner, bracket_cycle, count_before
from pipelines.search.goal_values import COSTS

GOALS = parse_goals(["val/iou", "model/macs", "occlusion/retention", "model/parameters <= 100"])


def pruner(epochs: int = 9, **search: Any) -> FrontPruner:
    given = {"pruner": "halving", "grace_epochs": 1, "reduction_factor": 3, **search}
    assert GOALS is not None
    return FrontPruner(GOALS, Search.model_validate(given), epochs)


def study(*trials: tuple[float, float], epoch: int = 1, parameters: float = 1) -> optuna.Study:
    """Return trials with their score at an epoch and their multiply-accumulates; all run."""
    made = optuna.create_study(directions=["maximize", "minimize", "maximize"])
    for score, macs in trials:
        made.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params={"x": 0.5},
                distributions={"x": FloatDistribution(0, 1)},
                intermediate_values={epoch: score},
                user_attrs={COSTS: {"model/macs": macs, "model/parameters": parameters}},
            )
        )
    return made


def pruned(made: optuna.Study, number: int, **search: Any) -> bool:
    return pruner(**search).prune(made, made.trials[number])


def test_the_first_trial_continues_and_a_dominated_one_ends():
    made = study((0.5, 10), (0.4, 20))
    assert not pruned(made, 0)
    assert pruned(made, 1)


def test_a_lower_score_continues_at_a_lower_cost():
    assert not pruned(study((0.5, 10), (0.4, 5)), 1)


def test_of_six_trials_two_continue_and_within_a_rank_the_less_crowded():
    # Three of the front, of which the middle one is crowded, and three that are dominated.
    made = study((0.2, 1), (0.5, 5), (0.8, 9), (0.1, 2), (0.4, 6), (0.7, 9.5))
    assert [pruned(made, number) for number in range(6)] == [False, True, False, True, True, True]


def test_a_goal_that_is_unknown_at_a_rung_does_not_count():
    """Retention is known at the end only: no trial has it here, and none is worse for it."""
    made = study((0.5, 10), (0.5, 10))
    assert not pruned(made, 0)
    assert not pruned(made, 1)


def test_a_network_beyond_a_bound_ends_after_its_first_epoch_and_is_no_rival():
    made = study((0.9, 1), parameters=101)
    assert pruned(made, 0, grace_epochs=3)
    made.add_trial(study((0.4, 2)).trials[0])
    assert not pruned(made, 1)


def test_trials_are_compared_at_rungs_only_and_never_after_the_last_epoch():
    for epoch, expected in ((1, True), (2, False), (3, True), (4, False), (9, False)):
        assert pruned(study((0.5, 10), (0.4, 20), epoch=epoch), 1) is expected


def test_grace_epochs_and_the_factor_set_the_rungs():
    assert pruner(epochs=100, grace_epochs=2, reduction_factor=4).rungs == [2, 8, 32]
    assert pruner(epochs=9).rungs == [1, 3]


def test_a_score_counts_with_the_best_epoch_so_far():
    made = study((0.5, 10), (0.4, 10), epoch=3)
    better = made.trials[1]
    better.intermediate_values[2] = 0.6
    assert not pruner().prune(made, better)


def test_failed_trials_are_no_rivals():
    made = study((0.4, 20))
    made.add_trial(
        create_trial(
            state=TrialState.FAIL,
            intermediate_values={1: 0.9},
            user_attrs={COSTS: {"model/macs": 1.0}},
        )
    )
    assert not pruned(made, 0)


def test_hyperband_compares_within_brackets_whose_shares_it_sets():
    # 9 epochs by 3: three brackets of 9, 5 and 3 trials, which begin at rungs 1, 3 and never.
    assert np.bincount(bracket_cycle(3, 3)).tolist() == [9, 5, 3]
    made = study((0.5, 10), (0.4, 20), (0.3, 30), (0.4, 20))
    assert [pruner(pruner="hyperband").bracket(trial) for trial in made.trials] == [0, 1, 2, 0]
    found = [pruned(made, number, pruner="hyperband") for number in range(4)]
    assert found == [False, False, False, True]


@pytest.mark.parametrize("goals", [1, 2, 3])
def test_the_best_in_any_goal_has_nothing_before_it(goals: int):
    draws = np.random.default_rng(goals)
    losses = draws.random((12, goals))
    for goal in range(goals):
        first = losses[:, goal].argmin()
        order = [first, *(index for index in range(12) if index != first)]
        assert count_before(losses[order]) == 0
