"""Pruning with several goals: which trials end early, by rank and crowding at rungs of epochs.

Optuna's pruners compare one value; with several directions its trials can neither report nor be
pruned. The values of epochs are stored by `TrialStore`, and this pruner decides.

At a rung, the trials that have come so far are ordered by their non-dominated rank, and within a
rank by their crowding distance. A trial continues while fewer are before it than the rung keeps.
Sources: Schmucker et al. 2021, "Multi-objective Asynchronous Successive Halving"; Deb et al. 2002
(NSGA-II) for the order; Li et al. 2018 for the brackets of Hyperband. Departure: the ends of a
front always continue, because nothing is less crowded.
"""

import itertools
import math

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from faceseg.statistics.fronts import Losses, crowding_distances, front_ranks
from pipelines.config.goals import SCORE, Goals
from pipelines.config.search_section import Search
from pipelines.search.goal_values import COSTS


class FrontPruner(optuna.pruners.BasePruner):
    """Successive halving, or its brackets of Hyperband, with several goals.

    Only goals that are known count: the best `val/iou` so far, and the costs of the network, which
    a trial reports with its first epoch. A trial whose costs are beyond a bound ends there.

    Args:
        goals: The goals.
        search: The rungs: `grace_epochs`, `reduction_factor`, and `pruner`.
        epochs: The length of a trial.
    """

    def __init__(self, goals: Goals, search: Search, epochs: int) -> None:
        self.goals = goals
        self.factor = search.reduction_factor
        self.epochs = epochs
        first = search.grace_epochs
        self.rungs = list(
            itertools.takewhile(
                lambda epoch: epoch < epochs,
                (first * self.factor**index for index in itertools.count()),
            )
        )
        self._cycle = [0]
        if search.pruner == "hyperband":
            self._cycle = bracket_cycle(len(self.rungs) + 1, self.factor)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether a trial ends after the last epoch that it has reported."""
        costs = trial.user_attrs.get(COSTS, {})
        if not self.goals.are_kept(costs):
            return True
        epoch = trial.last_step
        if epoch is None or epoch not in self.rungs[self.bracket(trial) :]:
            return False
        rivals = [
            each
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number
            and each.state != TrialState.FAIL
            and self.bracket(each) == self.bracket(trial)
            and epoch in each.intermediate_values
            and self.goals.are_kept(each.user_attrs.get(COSTS, {}))
        ]
        losses = np.array([self._losses(each, epoch) for each in (trial, *rivals)])
        kept = max(1, len(losses) // self.factor)
        return count_before(losses) >= kept

    def bracket(self, trial: FrozenTrial) -> int:
        """Return the number of a trial's bracket: that many rungs come before its first one."""
        return self._cycle[trial.number % len(self._cycle)]

    def _losses(self, trial: FrozenTrial, epoch: int) -> list[float]:
        reported = trial.intermediate_values
        score = max(value for step, value in reported.items() if step <= epoch)
        costs = trial.user_attrs.get(COSTS, {})
        known = {SCORE: score, **costs}
        return [
            goal.loss(known.get(goal.name, math.nan))
            for goal in self.goals.objectives
            if goal.name in known
        ]


def count_before(losses: Losses) -> int:
    """Return how many points come before the first one, by rank and then by crowding distance."""
    ranks = front_ranks(losses)
    peers = ranks == ranks[0]
    crowding = crowding_distances(losses[peers])
    own = crowding[0]  # the first point is the first of its rank too
    return int((ranks < ranks[0]).sum() + (crowding > own).sum())


def bracket_cycle(count: int, factor: int) -> list[int]:
    """Return the brackets of successive trials, in the shares that Hyperband gives them.

    The first bracket, whose trials are pruned earliest, has the most trials.

    Args:
        count: The number of brackets.
        factor: The reduction factor.
    """
    sizes = [
        math.ceil(count * factor ** (count - 1 - bracket) / (count - bracket))
        for bracket in range(count)
    ]
    # Each bracket in turns, while it has trials left: so all of them begin at the start.
    return [
        bracket for turn in range(max(sizes)) for bracket in range(count) if turn < sizes[bracket]
    ]
