"""The trials of one Optuna study, each with its lease: one architecture's search, or its finals.

All state is in the database. Every method may be called again after it failed half-way.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from pipelines.config.goals import Goals
from pipelines.search.goal_values import name_values, score, store_end, within_bounds
from pipelines.search.leases import ATTRIBUTE, Lease

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
# Attributes of trials. They are stored in Optuna's database: do not rename them.
OUT_OF_MEMORY = "out_of_memory"  # the batch size that was too large
SECONDS = "seconds"  # of the job, by phase
SPENT = "spent"  # what each attempt has used, by its number
JOB_NUMBER = "number"  # the number of the trial's job, if it is not the trial's own
RECORDED = "recorded"  # the value of a final that is repeated
PRUNED_AFTER = "pruned_after"  # the epoch at whose report the trial was pruned
TrialDirective = Literal["continue", "prune", "lease lost"]


class TrialStore:
    """One study in Optuna's database, created if it does not exist.

    Args:
        name: The Optuna study's name.
        storage: Optuna's database.
        pruner: Decides which trials end early.
        goals: The goals of a search; without them it maximises `val/iou`.
    """

    def __init__(
        self,
        name: str,
        storage: optuna.storages.BaseStorage,
        pruner: optuna.pruners.BasePruner,
        goals: Goals | None = None,
    ) -> None:
        self.goals = goals
        self.study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=[each.direction for each in goals.objectives] if goals else ["maximize"],
            pruner=pruner,
            load_if_exists=True,
        )
        self.refuted: Callable[[FrozenTrial], bool] = lambda trial: False  # pruned as well
        if goals:
            name_values(self.study, goals)
        self._cached: list[FrozenTrial] | None = None

    def all(self) -> list[FrozenTrial]:
        """Return the last trial of each job in the order of the jobs' numbers, waiting ones too.

        They are read again after every change made here: no other process writes to this study.
        """
        if self._cached is None:
            self._cached = last_of_each_job(self.study.get_trials(deepcopy=False))
        return self._cached

    def started(self) -> list[FrozenTrial]:
        """Return the trials that were suggested so far."""
        return [each for each in self.all() if each.state != TrialState.WAITING]

    def running(self) -> list[FrozenTrial]:
        """Return the trials that have not ended, whether or not a worker runs them."""
        return [each for each in self.all() if each.state == TrialState.RUNNING]

    def complete(self) -> list[FrozenTrial]:
        """Return the trials that have a value."""
        return [each for each in self.all() if each.state == TrialState.COMPLETE]

    def failed(self) -> list[FrozenTrial]:
        """Return the trials that failed."""
        return [each for each in self.all() if each.state == TrialState.FAIL]

    def ended(self) -> list[FrozenTrial]:
        """Return the trials that have ended: complete, pruned or failed."""
        return [each for each in self.all() if each.state in ENDED]

    def best(self) -> FrozenTrial | None:
        """Return the complete trial of the best `val/iou`, of those within all bounds."""
        possible = within_bounds(self.complete(), self.goals)
        return max(possible, key=lambda each: (score(each), -each.number), default=None)

    def count(self) -> Counter[str]:
        """Return the number of trials in each state."""
        return Counter(each.state.name.lower() for each in self.all())

    def epochs_done(self, length: int) -> int:
        """Return how many epochs are finished; a trial that has ended counts as `length` epochs."""
        return sum(length if each.state in ENDED else epochs_reported(each) for each in self.all())

    def find(self, number: int) -> FrozenTrial:
        """Return the current state of one job's trial."""
        return self.all()[number]

    def ask(self, space: dict[str, BaseDistribution]) -> FrozenTrial:
        """Return a new trial, or the next waiting one."""
        with self._change():
            number = self.study.ask(space).number
        return next(each for each in self.all() if each.number == number)

    def enqueue_point(self, parameters: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        """Add a waiting trial with these parameters and attributes."""
        with self._change():
            self.study.enqueue_trial(dict(parameters), dict(attributes))

    def enqueue(self, number: int, lease: Lease, **attributes: Any) -> None:
        """Add a waiting trial without parameters for the job of this number."""
        known = {JOB_NUMBER: number, ATTRIBUTE: lease.as_attribute()}
        with self._change():
            self.study.enqueue_trial({}, known | attributes)

    def complete_suggestion(
        self, trial: FrozenTrial, space: dict[str, BaseDistribution]
    ) -> FrozenTrial:
        """Return a trial with all its parameters; its process may have died between two of them.

        The sampler is seeded as it was for this trial. It draws the stored parameters again, so
        the missing ones have the values that they would have had.

        Args:
            trial: A trial with some or all of its parameters.
            space: The distribution of each parameter.
        """
        if space.keys() <= trial.params.keys():
            return trial
        fixed = trial.system_attrs.get("fixed_params", {})
        study = optuna.pruners._filter_study(self.study, trial)
        with self._change():
            unfinished = Trial(self.study, trial._trial_id)
            for name, distribution in space.items():
                if name in trial.params and name not in fixed:
                    self.study.sampler.sample_independent(study, trial, name, distribution)
                unfinished._suggest(name, distribution)
        return self.find(trial.number)

    def set_lease(self, trial: FrozenTrial, lease: Lease) -> None:
        """Store the trial's lease."""
        self.set_attribute(trial, ATTRIBUTE, lease.as_attribute())

    def note_out_of_memory(self, trial: FrozenTrial, batch_size: int) -> None:
        """Store that this batch size was too large."""
        self.set_attribute(trial, OUT_OF_MEMORY, batch_size)

    def set_attribute(self, trial: FrozenTrial, name: str, value: Any) -> None:
        """Store one attribute of the trial."""
        with self._change():
            self.study._storage.set_trial_user_attr(trial._trial_id, name, value)

    def report(self, worker: str, number: int, epoch: int, value: float) -> TrialDirective:
        """Store the value of an epoch, unless it is stored; return what the worker is to do.

        A resumed job reports its epochs again, and gets the same directives: a second
        decision of the pruner about an epoch may differ from the first.

        Args:
            worker: The worker that reports.
            number: The trial's number.
            epoch: The epoch, from 1.
            value: Its `val/iou`. NaN (there was no foreground class) counts as 0.

        Returns:
            `continue`, `prune`, or `lease lost` if the worker does not hold the trial's lease.
        """
        known = self.find(number)
        if known.state in ENDED or Lease.of(known).worker != worker:
            return "lease lost"
        if epoch not in known.intermediate_values:
            store = self.study._storage.set_trial_intermediate_value
            with self._change():
                store(known._trial_id, epoch, _finite_value(value))
            known = self.find(number)
        pruned_after = known.user_attrs.get(PRUNED_AFTER)
        if pruned_after is None:
            if epoch != known.last_step or not self._is_pruned(known):
                return "continue"
            self.set_attribute(known, PRUNED_AFTER, pruned_after := epoch)
        return "prune" if epoch >= pruned_after else "continue"

    def tell(
        self,
        number: int,
        value: float | None,
        state: TrialState,
        reason: str = "",
        goals: Mapping[str, float] | None = None,
    ) -> None:
        """End a trial. Nothing changes if it has ended.

        Args:
            number: The trial's number.
            value: Its best `val/iou`; NaN counts as 0. None: it has none.
            state: The state it ends in.
            reason: Why it failed.
            goals: The values of the search's goals, if it has some.
        """
        trial = self.find(number)
        if trial.state in ENDED:
            return
        if reason:
            self.set_attribute(trial, "reason", reason)
        stored: float | list[float] | None = None
        if self.goals is not None:
            with self._change():
                stored = store_end(self.study, trial, self.goals, state, goals or {})
        elif value is not None and state == TrialState.COMPLETE:
            stored = _finite_value(value)
        with self._change():
            self.study.tell(trial.number, stored, state=state, skip_if_finished=True)

    def _is_pruned(self, trial: FrozenTrial) -> bool:
        return self.study.pruner.prune(self.study, trial) or self.refuted(trial)

    def failure_reasons(self) -> set[str]:
        """Return why trials failed."""
        return {str(each.user_attrs.get("reason", "unknown")) for each in self.failed()}

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Discard the cached trials, even if a change fails half-way."""
        try:
            yield
        finally:
            self._cached = None


def search_name(study: str, architecture: str) -> str:
    """Return the name in Optuna's database of an architecture's search."""
    return f"{study}/{architecture}/search"


def job_number(trial: FrozenTrial) -> int:
    """Return the number of a trial's job; a trial that replaces a failed one has the same."""
    return int(trial.user_attrs.get(JOB_NUMBER, trial.number))


def last_of_each_job(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the last trial of each job, in the order of the jobs' first trials."""
    return list({job_number(trial): trial for trial in trials}.values())


def epochs_reported(trial: FrozenTrial) -> int:
    """Return how many epochs of a trial were reported."""
    return len(trial.intermediate_values)


def _finite_value(value: float) -> float:
    """Return the value for Optuna, which accepts no NaN."""
    return 0.0 if math.isnan(value) else value
