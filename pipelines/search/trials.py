"""The trials of one Optuna study, each with its lease: one architecture's search, or its finals.

All state is in the database. Every method may be called again after it failed half-way.
"""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from pipelines.search.leases import ATTRIBUTE, Lease

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
OUT_OF_MEMORY = "out_of_memory"  # the attribute that holds the batch size which was too large
TrialDirective = Literal["go on", "prune", "leave"]


class TrialStore:
    """A study of the database, made if it is new."""

    def __init__(
        self,
        name: str,
        storage: optuna.storages.BaseStorage,
        pruner: optuna.pruners.BasePruner,
    ) -> None:
        self.study = optuna.create_study(
            study_name=name,
            storage=storage,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )
        self._known: list[FrozenTrial] | None = None

    def all(self) -> list[FrozenTrial]:
        """Return all trials in the order of their numbers, those that wait included.

        Read again after every change of ours: nobody else writes to this study.
        """
        if self._known is None:
            self._known = self.study.get_trials(deepcopy=False)
        return self._known

    def started(self) -> list[FrozenTrial]:
        """Return the trials that were ever asked for."""
        return [each for each in self.all() if each.state != TrialState.WAITING]

    def running(self) -> list[FrozenTrial]:
        """Return the trials that have not ended, whether or not anyone does them."""
        return [each for each in self.all() if each.state == TrialState.RUNNING]

    def complete(self) -> list[FrozenTrial]:
        """Return the trials that have a value."""
        return [each for each in self.all() if each.state == TrialState.COMPLETE]

    def count(self) -> Counter[str]:
        """Return how many trials are in which state."""
        return Counter(each.state.name.lower() for each in self.all())

    def find(self, number: int) -> FrozenTrial:
        """Return one trial as it is now."""
        return self.all()[number]

    def ask(self, space: dict[str, BaseDistribution]) -> FrozenTrial:
        """Return a new trial, or the next of those that wait."""
        with self._change():
            number = self.study.ask(space).number
        return self.find(number)

    def complete_suggestion(
        self, trial: FrozenTrial, space: dict[str, BaseDistribution]
    ) -> FrozenTrial:
        """Return a trial with all its parameters: its process may have died while it asked.

        The sampler, set as it was for this trial, draws again what is there already, so that
        the rest comes out as it would have.
        """
        if space.keys() <= trial.params.keys():
            return trial
        fixed = trial.system_attrs.get("fixed_params", {})
        study = optuna.pruners._filter_study(self.study, trial)
        with self._change():
            asking = Trial(self.study, trial._trial_id)
            for name, distribution in space.items():
                if name in trial.params and name not in fixed:
                    self.study.sampler.sample_independent(study, trial, name, distribution)
                asking._suggest(name, distribution)
        return self.find(trial.number)

    def set_lease(self, trial: FrozenTrial, lease: Lease) -> None:
        """Store who does the trial."""
        self._set(trial, ATTRIBUTE, lease.as_attribute())

    def note_out_of_memory(self, trial: FrozenTrial, batch_size: int) -> None:
        """Store that this batch size was too large."""
        self._set(trial, OUT_OF_MEMORY, batch_size)

    def report(self, worker: str, number: int, epoch: int, value: float) -> TrialDirective:
        """Store a value at an epoch, unless it is there; say whether to go on.

        NaN (no foreground class was to be found) counts as 0. A worker that does not hold the
        trial has to leave it.
        """
        known = self.find(number)
        if known.state in ENDED or Lease.of(known).worker != worker:
            return "leave"
        if epoch not in known.intermediate_values:
            store = self.study._storage.set_trial_intermediate_value
            with self._change():
                store(known._trial_id, epoch, _finite_value(value))
            known = self.find(number)
        return "prune" if self.study.pruner.prune(self.study, known) else "go on"

    def tell(self, number: int, value: float | None, state: TrialState, reason: str = "") -> None:
        """End a trial; a NaN value counts as 0. Telling an ended one again changes nothing."""
        trial = self.find(number)
        if trial.state in ENDED:
            return
        if reason:
            self._set(trial, "reason", reason)
        told = None if value is None or state != TrialState.COMPLETE else _finite_value(value)
        with self._change():
            self.study.tell(number, told, state=state, skip_if_finished=True)

    def failure_reasons(self) -> set[str]:
        """Return why trials failed."""
        failed = [each for each in self.all() if each.state == TrialState.FAIL]
        return {str(each.user_attrs.get("reason", "unknown")) for each in failed}

    def _set(self, trial: FrozenTrial, name: str, value: Any) -> None:
        with self._change():
            self.study._storage.set_trial_user_attr(trial._trial_id, name, value)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Forget what was read, also where a change fails half-way."""
        try:
            yield
        finally:
            self._known = None


def epochs_reported(trial: FrozenTrial) -> int:
    """Return how many epochs of a trial were reported."""
    return len(trial.intermediate_values)


def _finite_value(value: float) -> float:
    """Return the value Optuna is told: it takes no NaN."""
    return 0.0 if math.isnan(value) else value


@dataclass(frozen=True)
class JobOutcome:
    """How a job ended: with a value, pruned, or (no value) failed for a reason."""

    value: float | None
    pruned: bool = False
    reason: str = ""
    out_of_memory: bool = False

    @property
    def state(self) -> TrialState:
        """The state in Optuna's terms."""
        if self.pruned:
            return TrialState.PRUNED
        return TrialState.FAIL if self.value is None else TrialState.COMPLETE


def out_of_memory_message(batch_size: int) -> str:
    """Say in words that a batch was too large."""
    return f"out of memory at batch size {batch_size}"
