"""The budget of a study: how many more trials each architecture can pay for.

Each architecture has an equal share of `search.budget`. Its search ends when what is left of the
share, without the expected cost of its finals and of the trials that run, would not pay for
another trial of the expected length. Finals are always trained, and no trial is ended for its
cost. Variants and a taught network have no search of their own: what they cost is deducted before
the budget is divided.

Costs are expected from the trials that have ended. The end of a search is stored: later estimates
do not change it, because finals may have begun. Another budget opens the search again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.config import Experiment
from pipelines.config.costs import Budget, budget_terms
from pipelines.job.job import JobKind
from pipelines.job.spent import Spent, amounts
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.ledger import Ledger
from pipelines.search.time_left import JobCosts, OpenJob
from pipelines.search.workload import (
    assessed_images,
    ended_jobs,
    expected_trial_epochs,
    job_lengths,
)

# An attribute of a search. Its fields are stored in Optuna's database: do not rename them.
BUDGET_END = "budget_end"
Amounts = Mapping[str, float]  # by the keys of `search.budget`


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What an architecture has of each limit of the budget.

    Attributes:
        share: What it may cost.
        spent: What it has cost.
        running: What the trials that run are expected to cost still.
        finals: What its finals are expected to cost.
        trial: What another trial is expected to cost; None: not known yet.
    """

    share: Amounts
    spent: Amounts
    running: Amounts
    finals: Amounts
    trial: Amounts | None

    def trials_left(self) -> float:
        """Return how many more trials can be paid for; infinite while their cost is not known."""
        return min(self._trials_left(key) for key in self.share)

    def _trials_left(self, key: str) -> float:
        left = self.share[key] - self.spent[key] - self.running[key] - self.finals[key]
        cost = self.trial[key] if self.trial else 0.0
        if left <= 0:
            return 0
        return left // cost if cost else math.inf

    def describe(self, finals: int) -> str:
        """Describe the tightest limit in a clause; `finals` is the number of finals."""
        key = min(self.share, key=self._trials_left)
        words = (
            f"of its {self.share[key]:.3g} {key}, {self.spent[key]:.3g} are spent and "
            f"{self.finals[key]:.3g} are kept for {finals} final{'s' * (finals > 1)}"
        )
        return words + (f"; a trial takes about {self.trial[key]:.3g}" if self.trial else "")


class ExpectedCosts:
    """What the jobs of an architecture are expected to use, from those that have ended.

    Args:
        search: Its search.
        spent: What its jobs have used.
        images: How many images a job of each kind assesses, once for each condition.
    """

    def __init__(
        self, search: ArchitectureSearch, spent: Spent, images: Mapping[JobKind, int]
    ) -> None:
        self._search, self._spent = search, spent
        ended = ended_jobs(search, search.open_stores())
        self._seconds = JobCosts(ended, images) if ended and spent.seconds else None
        self._lengths = job_lengths(search.experiment)

    def trial(self) -> Spent | None:
        """Return the use of a trial that may be pruned; None while it is not known."""
        return self._job("trial", expected_trial_epochs(self._search))

    def whole(self, kind: JobKind) -> Spent | None:
        """Return the use of a job that is trained to its end; None while it is not known."""
        return self._job(kind, self._lengths[kind])

    def _job(self, kind: JobKind, epochs: float) -> Spent | None:
        if self._seconds is None:
            return None
        job = OpenJob(architecture=self._search.architecture, kind=kind, epochs=epochs)
        seconds = self._seconds.whole(job, cold=False)
        return self._spent.times(seconds / self._spent.seconds)


class StudyBudget:
    """The budget of a study, divided among its architectures.

    Args:
        experiment: The study's experiment.
        budget: Its `search.budget`.
        searches: The searches of its networks, by name.
        ledger: What they have used.
        splits: The number of images of each split.
    """

    def __init__(
        self,
        experiment: Experiment,
        budget: Budget,
        searches: Mapping[str, ArchitectureSearch],
        ledger: Ledger,
        splits: Mapping[str, int],
    ) -> None:
        self.experiment, self.limits = experiment, budget.limits
        self.terms = budget_terms(budget, experiment.resources.prices)
        self._searches, self._ledger = searches, ledger
        self._images = assessed_images(experiment, splits)

    def balance(self, name: str) -> Balance:
        """Return what an architecture has now."""
        costs, seeds = self._expected(name), self.experiment.finals.seeds
        names = self.experiment.architectures
        derived = [self._derived(each) for each in self._searches if each not in names]
        trial, final = costs.trial(), costs.whole("final") or Spent()
        running = [
            self._ledger.spent_on(name, each) for each in self._searches[name].trials.running()
        ]
        return Balance(
            share={
                key: (limit - sum(each[key] for each in derived)) / len(names)
                for key, limit in self.limits.items()
            },
            spent=self.amounts(self._ledger.spent(name)),
            running=self._rest(trial, running),
            finals=self.amounts(final.times(seeds)),
            trial=self.amounts(trial) if trial else None,
        )

    def amounts(self, spent: Spent) -> dict[str, float]:
        """Return a use under the keys of the limits."""
        found = amounts(spent, self.experiment.resources.prices)
        return {key: found[key] for key in self.limits}

    def _expected(self, name: str) -> ExpectedCosts:
        return ExpectedCosts(self._searches[name], self._ledger.spent(name), self._images)

    def _derived(self, name: str) -> dict[str, float]:
        """Return what a variant or the taught network costs: as expected, or more if it has."""
        costs = self._expected(self.experiment.trained_networks[name][0])
        expected = (costs.whole("final") or Spent()).times(self.experiment.finals.seeds)
        if not self._searches[name].is_taught:
            expected = expected + (costs.whole("trial") or Spent())
        spent = self._ledger.spent(name)
        return self.amounts(max(expected, spent, key=lambda each: each.seconds))

    def _rest(self, trial: Spent | None, running: list[Spent]) -> dict[str, float]:
        """Return what running trials that have used this much are expected to use still."""
        if trial is None:
            return dict.fromkeys(self.limits, 0.0)
        whole = self.amounts(trial)
        used = [self.amounts(each) for each in running]
        return {key: sum(max(0.0, whole[key] - each[key]) for each in used) for key in whole}


class ArchitecturePurse:
    """The share of one architecture: it ends its search, once and for all.

    Args:
        budget: The study's budget.
        search: The architecture's search.
    """

    def __init__(self, budget: StudyBudget, search: ArchitectureSearch) -> None:
        self._budget, self._search = budget, search
        self._terms = budget.terms
        self._end: dict[str, Any] = search.trials.study.user_attrs.get(BUDGET_END, {})

    def trials_left(self) -> float:
        """Return how many more trials can be paid for: 0 from the stored end of the search on."""
        trials = self._search.trials
        if self._end.get("terms") == self._terms:
            return 0
        if not trials.started():
            return math.inf  # without a trial there is no final
        balance = self._budget.balance(self._search.architecture)
        left = balance.trials_left()
        if not left and not trials.running():
            words = balance.describe(self._budget.experiment.finals.seeds)
            self._end = {"terms": self._terms, "words": words}
            trials.study.set_user_attr(BUDGET_END, self._end)
        return left

    def end_words(self) -> str:
        """Return why the search has ended, in a clause; '' if the budget has not ended it."""
        return str(self._end["words"]) if self._end.get("terms") == self._terms else ""


def attach_purses(
    experiment: Experiment,
    searches: Mapping[str, ArchitectureSearch],
    ledger: Ledger,
    splits: Mapping[str, int],
) -> None:
    """Let the budget of a study end the searches of its architectures, if it has one."""
    if experiment.search.budget is not None:
        budget = StudyBudget(experiment, experiment.search.budget, searches, ledger, splits)
        for name in experiment.architectures:
            searches[name].suggester.purse = ArchitecturePurse(budget, searches[name])
