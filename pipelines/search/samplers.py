"""Optuna's sampler and pruner, as the experiment configures them."""

import random
import warnings
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.job.job import derive_seed
from pipelines.search.front_pruner import FrontPruner

MAX_RESAMPLES = 32  # draws of one value before it is chosen evenly among the allowed ones


class BatchSizeLimitedSampler(BaseSampler):
    """Sample with another sampler, without batch sizes that were too large.

    Optuna's distributions cannot change within a study, so an excluded value is resampled. If
    nothing is excluded, the values are those of the other sampler.

    Args:
        inner: The other sampler.
        batch_sizes: The allowed batch sizes.
        seed: Seed of the choice after `MAX_RESAMPLES` excluded values.
        joint: Whether the batch size is drawn together with the other parameters.
    """

    def __init__(
        self, inner: BaseSampler, batch_sizes: Sequence[int], seed: int, *, joint: bool
    ) -> None:
        self.joint = joint
        self.inner = inner
        self.batch_sizes = batch_sizes
        self._random = random.Random(seed)  # noqa: S311  # repeatable, nothing secret

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the parameters that the inner sampler draws together."""
        space = self.inner.infer_relative_search_space(study, trial)
        return {name: space[name] for name in space if name != "batch_size" or self.joint}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the inner sampler's values; an excluded batch size is drawn on its own."""
        values = self.inner.sample_relative(study, trial, search_space)
        return {
            name: value
            for name, value in values.items()
            if name != "batch_size" or value in self.batch_sizes
        }

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
        """Call the inner sampler's hook."""
        self.inner.before_trial(study, trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Call the inner sampler's hook."""
        self.inner.after_trial(study, trial, state, values)


def make_sampler(
    experiment: Experiment,
    architecture: str,
    suggested: int,
    batch_sizes: Sequence[int],
    *,
    earlier: int = 0,
) -> BaseSampler:
    """Return the sampler for the next trial.

    A sampler's own state ends with its process. So its seed is derived from the database's
    state: the number of trials so far.

    Args:
        experiment: The experiment, for its seed and its search.
        architecture: The architecture's name.
        suggested: How many trials were suggested before.
        batch_sizes: The allowed batch sizes.
        earlier: How many more trials had the settings of earlier studies. The sampler draws as many
            random trials as without them.
    """
    seed = derive_seed(experiment.seed, "sampler", architecture, suggested)
    inner: BaseSampler
    if experiment.search.sampler == "random":
        inner = RandomSampler(seed=seed)
    elif experiment.search.sampler == "nsga3":
        size = max(2, experiment.search.random_trials)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            inner = NSGAIIISampler(seed=seed, population_size=size)
    else:
        random_trials = experiment.search.random_trials + earlier
        inner = TPESampler(seed=seed, n_startup_trials=random_trials, constant_liar=True)
    # NSGA-III crosses all parameters of two trials. Searches with one goal keep earlier draws.
    joint = experiment.search.parsed_goals is not None
    return BatchSizeLimitedSampler(inner, batch_sizes, seed, joint=joint)


def make_pruner(experiment: Experiment) -> optuna.pruners.BasePruner:
    """Return the pruner. Its resource is the epoch: the same images at every batch size."""
    search = experiment.search
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    if goals := search.parsed_goals:
        return FrontPruner(goals, search, experiment.training.epochs)
    if search.pruner == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(
            min_resource=search.grace_epochs, reduction_factor=search.reduction_factor
        )
    return optuna.pruners.HyperbandPruner(
        min_resource=search.grace_epochs,
        max_resource=experiment.training.epochs,
        reduction_factor=search.reduction_factor,
    )
