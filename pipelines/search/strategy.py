"""How the search chooses what to try and when to give a trial up: Optuna's sampler and pruner."""

import random
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.search.job import seed_of

TRIES = 32  # draws of one value before it is chosen evenly among the allowed


class Limited(BaseSampler):
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
        for _ in range(TRIES):
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


def sampler(
    experiment: Experiment, architecture: str, asked: int, batch_sizes: Sequence[int]
) -> BaseSampler:
    """Return the sampler for the next ask, of these batch sizes alone. Its own state dies with
    the process, so its seed comes from what the database knows: the number of trials so far.
    """
    seed = seed_of(experiment.seed, "sampler", architecture, asked)
    inner: BaseSampler
    if experiment.search.sampler == "random":
        inner = RandomSampler(seed=seed)
    else:
        inner = TPESampler(
            seed=seed, n_startup_trials=experiment.search.random_trials, constant_liar=True
        )
    return Limited(inner, batch_sizes, seed)


def pruner(experiment: Experiment) -> optuna.pruners.BasePruner:
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
