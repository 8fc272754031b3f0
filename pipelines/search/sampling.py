"""Which parameters one architecture's search tries next, and which batch sizes it leaves out."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.search.failure_policy import POLICY
from pipelines.search.leases import Lease
from pipelines.search.samplers import make_sampler
from pipelines.search.trials import OUT_OF_MEMORY, TrialStore, epochs_reported
from pipelines.search.warm_start import WarmStart, proposed

logger = logging.getLogger(__name__)
Parameters = dict[str, Any]  # a value for each parameter of the search space


class Purse(Protocol):
    """What a search may cost."""

    def trials_left(self) -> float:
        """Return how many more trials can be paid for."""

    def end_words(self) -> str:
        """Return why the cost has ended the search, in a clause; '' if it has not."""


class TrialSuggester:
    """Suggest the trials of one search, within its budget and within the memory.

    Args:
        experiment: The experiment of the study.
        architecture: The architecture's name.
        trials: The search's trials.
        fixed_points: Returns all parameters to try, or None while they are not known yet. Without
            it, the sampler chooses.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        trials: TrialStore,
        fixed_points: Callable[[], list[Parameters] | None] | None = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.trials = trials
        self.space = experiment.search.space
        self.purse: Purse | None = None  # ends the search before its number of trials
        self._fixed_points = fixed_points
        self.warm_start = WarmStart(experiment, trials)
        if fixed_points is None:
            self._enqueue(experiment.search.first)
            if experiment.search.pruner != "none":
                trials.refuted = self.warm_start.refutes

    def started(self) -> int:
        """Return how many trials were ever started."""
        return len(self.trials.started())

    def has_next(self) -> bool:
        """Return whether a trial is left to suggest, or may be."""
        return self.left() != 0

    def left(self) -> int | None:
        """Return how many trials are left to suggest; None while it is not known."""
        budget = self.budget()
        if budget is None:
            return None
        left = max(0, budget - self.started()) if self.batch_sizes() else 0
        return int(min(left, self.purse.trials_left())) if left and self.purse else left

    def budget(self) -> int | None:
        """Return the number of trials of the search; None while it is not known."""
        if self._fixed_points is None:
            return self.experiment.search.trials
        points = self._fixed_points()
        return None if points is None else len(points)

    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes smaller than any that ran out of memory."""
        failed = [each.user_attrs.get(OUT_OF_MEMORY) for each in self.trials.all()]
        limit = min((size for size in failed if size is not None), default=None)
        return tuple(
            size for size in self.space.batch_size.choices if limit is None or size < limit
        )

    def largest_trained_batch(self) -> int:
        """Return the largest batch size with which a trial has finished an epoch; 0 without one."""
        trained = [each for each in self.trials.all() if epochs_reported(each)]
        return max((int(each.params["batch_size"]) for each in trained), default=0)

    def suggest(self) -> FrozenTrial | None:
        """Return a new trial or the next fixed one; None if none is left.

        A trial whose batch is too large is ended, and the next one is returned.
        """
        if self._fixed_points is not None:
            points = self._fixed_points()
            if points is None:
                return None
            self._enqueue(points)
        while self.has_next():
            self._seed(self.trials.started())
            self.warm_start.enqueue_next(self.batch_sizes())
            trial = self.trials.ask(self.space.distributions())
            if self._accept(trial):
                return trial
        return None

    def complete(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return a started trial with all its parameters.

        The process that suggested it may have died before it had them all.

        Returns:
            None if its batch is too large: the trial was ended.
        """
        self._seed(self.trials.all()[: trial.number])
        trial = self.trials.complete_suggestion(trial, self.space.distributions())
        return trial if self._accept(trial) else None

    def early_end_message(self) -> str:
        """Return why the search ends before its budget is used up; '' if it does not."""
        started, budget = self.started(), self.budget()
        if budget is None or started >= budget:
            return ""
        if self.batch_sizes():
            words = self.purse.end_words() if self.purse else ""
            end = f"{self.architecture}: search.budget ends its search after {started} of {budget}"
            return f"{end} trials: {words}" if words else ""
        return (
            f"{self.architecture}: even the smallest batch size of search.space ran out of "
            f"memory; its search ends after {started} of {budget} trials. Add smaller batch sizes"
        )

    def messages(self) -> list[str]:
        """Return what the terminal is to show about the search now."""
        refuted = self.warm_start.message()
        named = f"{self.architecture}: {refuted}" if refuted else ""
        return [message for message in (self.early_end_message(), named) if message]

    def _enqueue(self, points: Iterable[Parameters]) -> None:
        for point in points:
            self.trials.study.enqueue_trial(point, skip_if_exists=True)

    def _seed(self, before: Sequence[FrozenTrial]) -> None:
        """Set the sampler to its state after the trials `before`."""
        batch_sizes = self.batch_sizes() or self.space.batch_size.choices
        earlier = proposed(before)
        self.trials.study.sampler = make_sampler(
            self.experiment, self.architecture, len(before) - earlier, batch_sizes, earlier=earlier
        )

    def _accept(self, trial: FrozenTrial) -> bool:
        """Return whether a trial may run; end it if its batch is known to be too large."""
        size = trial.params["batch_size"]
        ruling = POLICY.new_trial(size, self.batch_sizes(), Lease.of(trial).attempt)
        if ruling is None:
            return True
        self.trials.tell(trial.number, None, TrialState.FAIL, ruling.reason)
        run = {"run": f"{self.architecture}-trial-{trial.number:03d}"}
        logger.warning("%s: %s", ruling.decision.value, ruling.reason, extra=run)
        return False
