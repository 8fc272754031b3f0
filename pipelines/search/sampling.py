"""What one architecture's search tries next, and which batch sizes it leaves out."""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.job.job import derive_seed
from pipelines.search.leases import Lease
from pipelines.search.trials import OUT_OF_MEMORY, TrialStore

Parameters = dict[str, Any]  # a value for each setting of the space


class TrialSuggester:
    """The sampler at work on a search, within its budget and within what memory holds.

    follows: returns the points that are all of this search, None while they are not known yet.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        trials: TrialStore,
        follows: Callable[[], list[Parameters] | None] | None = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.trials = trials
        self.space = experiment.search.space
        self._follows = follows
        if follows is None:
            self._enqueue(experiment.search.first)

    def started(self) -> int:
        """Return how many trials were ever started."""
        return len(self.trials.started())

    def has_next(self) -> bool:
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

    def suggest(self) -> FrozenTrial | None:
        """Return a new trial, or the next first point; one that is too large is passed over."""
        if self._follows is not None:
            points = self._follows()
            if points is None:
                return None
            self._enqueue(points)
        while self.has_next():
            self._seed(self.started())
            trial = self.trials.ask(self.space.distributions())
            if self._accept(trial):
                return trial
        return None

    def complete(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return a begun trial with all its settings: its process may have died while it was
        asked for. None: it is too large, and was passed over now.
        """
        self._seed(trial.number)
        trial = self.trials.complete_suggestion(trial, self.space.distributions())
        return trial if self._accept(trial) else None

    def early_end_message(self) -> str:
        """Say why the search ends before its budget is spent; '' if it does not."""
        started, wanted = self.started(), self.budget()
        if self.batch_sizes() or wanted is None or started >= wanted:
            return ""
        return (
            f"{self.architecture}: even the smallest batch size of search.space ran out of "
            f"memory; its search ends after {started} of {wanted} trials. Give smaller ones"
        )

    def _enqueue(self, points: Iterable[Parameters]) -> None:
        for point in points:
            self.trials.study.enqueue_trial(point, skip_if_exists=True)

    def _seed(self, asked: int) -> None:
        """Set the sampler as it is when `asked` trials were asked for before."""
        batch_sizes = self.batch_sizes() or self.space.batch_size.choices
        self.trials.study.sampler = make_sampler(
            self.experiment, self.architecture, asked, batch_sizes
        )

    def _accept(self, trial: FrozenTrial) -> bool:
        """Return whether a trial may be begun; end it if its batch is known to be too large.

        One that was begun already shows by itself whether it fits.
        """
        size = trial.params["batch_size"]
        if Lease.of(trial).attempt or size in self.batch_sizes():
            return True
        reason = f"left out: batch size {size}, and one that is no larger ran out of memory"
        self.trials.tell(trial.number, None, TrialState.FAIL, reason)
        return False


# --- How the search chooses what to try and when to give a trial up: Optuna's sampler and pruner.

MAX_RESAMPLES = 32  # draws of one value before it is chosen evenly among the allowed


class BatchSizeLimitedSampler(BaseSampler):
    """Another sampler's values, without batch sizes that were too large.

    Optuna's distributions cannot change within a study, so a value left out is drawn again.
    With nothing left out, it is the other sampler.
    """

    def __init__(self, inner: BaseSampler, batch_sizes: Sequence[int], seed: int) -> None:
        self.inner = inner
        self.batch_sizes = batch_sizes
        self._random = random.Random(seed)  # noqa: S311  # repeatable, nothing secret

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what the inner sampler draws together: never the batch size."""
        space = self.inner.infer_relative_search_space(study, trial)
        return {name: space[name] for name in space if name != "batch_size"}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the inner sampler's values."""
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the inner sampler's value; a batch size is one of the allowed."""
        for _ in range(MAX_RESAMPLES):
            value = self.inner.sample_independent(study, trial, param_name, param_distribution)
            if param_name != "batch_size" or value in self.batch_sizes:
                return value
        return self._random.choice(self.batch_sizes)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Let the inner sampler prepare."""
        self.inner.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Let the inner sampler conclude."""
        self.inner.after_trial(study, trial, state, values)


def make_sampler(
    experiment: Experiment, architecture: str, asked: int, batch_sizes: Sequence[int]
) -> BaseSampler:
    """Return the sampler for the next ask, of these batch sizes alone. Its own state dies with
    the process, so its seed comes from what the database knows: the number of trials so far.
    """
    seed = derive_seed(experiment.seed, "sampler", architecture, asked)
    inner: BaseSampler
    if experiment.search.sampler == "random":
        inner = RandomSampler(seed=seed)
    else:
        inner = TPESampler(
            seed=seed, n_startup_trials=experiment.search.random_trials, constant_liar=True
        )
    return BatchSizeLimitedSampler(inner, batch_sizes, seed)


def make_pruner(experiment: Experiment) -> optuna.pruners.BasePruner:
    """Return the pruner; its resource is the epoch, the same images at every batch size."""
    search = experiment.search
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    if search.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=search.grace_epochs, reduction_factor=search.reduction_factor
        )
    return optuna.pruners.HyperbandPruner(
        min_resource=search.grace_epochs,
        max_resource=experiment.training.epochs,
        reduction_factor=search.reduction_factor,
    )
