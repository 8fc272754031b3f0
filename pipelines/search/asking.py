"""What one architecture's search tries next, and which batch sizes it leaves out."""

from collections.abc import Callable, Iterable
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.search.lease import Lease
from pipelines.search.strategy import sampler
from pipelines.search.trials import OUT_OF_MEMORY, Trials

Point = dict[str, Any]  # a value for each setting of the space


class Asking:
    """The sampler at work on a search, within its budget and within what memory holds.

    follows: returns the points that are all of this search, None while they are not known yet.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        trials: Trials,
        follows: Callable[[], list[Point] | None] | None = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.trials = trials
        self.space = experiment.search.space
        self._follows = follows
        if follows is None:
            self._put_first(experiment.search.first)

    def started(self) -> int:
        """Return how many trials were ever started."""
        return len(self.trials.begun())

    def goes_on(self) -> bool:
        """Return whether there is a trial to ask for."""
        budget = self.budget()
        return budget is None or (self.started() < budget and bool(self.batch_sizes()))

    def budget(self) -> int | None:
        """Return how many trials there are to be; None while that is not known."""
        if self._follows is None:
            return self.experiment.search.trials
        points = self._follows()
        return None if points is None else len(points)

    def batch_sizes(self) -> tuple[int, ...]:
        """Return the batch sizes smaller than any that ran out of memory."""
        failed = [each.user_attrs.get(OUT_OF_MEMORY) for each in self.trials.all()]
        limit = min((size for size in failed if size is not None), default=None)
        return tuple(
            size for size in self.space.batch_size.choices if limit is None or size < limit
        )

    def ask(self) -> FrozenTrial | None:
        """Return a new trial, or the next first point; one that is too large is passed over."""
        if self._follows is not None:
            points = self._follows()
            if points is None:
                return None
            self._put_first(points)
        while self.goes_on():
            self._seed(self.started())
            trial = self.trials.ask(self.space.distributions())
            if self._fits(trial):
                return trial
        return None

    def asked(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return a begun trial with all its settings: its process may have died while it was
        asked for. None: it is too large, and was passed over now.
        """
        self._seed(trial.number)
        trial = self.trials.complete_asking(trial, self.space.distributions())
        return trial if self._fits(trial) else None

    def note(self) -> str:
        """Say why the search ends before its budget is spent; '' if it does not."""
        started, wanted = self.started(), self.budget()
        if self.batch_sizes() or wanted is None or started >= wanted:
            return ""
        return (
            f"{self.architecture}: even the smallest batch size of search.space ran out of "
            f"memory; its search ends after {started} of {wanted} trials. Give smaller ones"
        )

    def _put_first(self, points: Iterable[Point]) -> None:
        for point in points:
            self.trials.study.enqueue_trial(point, skip_if_exists=True)

    def _seed(self, asked: int) -> None:
        """Set the sampler as it is when `asked` trials were asked for before."""
        batch_sizes = self.batch_sizes() or self.space.batch_size.choices
        self.trials.study.sampler = sampler(self.experiment, self.architecture, asked, batch_sizes)

    def _fits(self, trial: FrozenTrial) -> bool:
        """Return whether a trial may be begun; end it if its batch is known to be too large.

        One that was begun already shows by itself whether it fits.
        """
        size = trial.params["batch_size"]
        if Lease.of(trial).attempt or size in self.batch_sizes():
            return True
        reason = f"left out: batch size {size}, and one that is no larger ran out of memory"
        self.trials.tell(trial.number, None, TrialState.FAIL, reason)
        return False
