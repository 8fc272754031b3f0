"""How the search chooses what to try and when to give a trial up: Optuna's sampler and pruner."""

import optuna

from pipelines.config import Experiment
from pipelines.search.job import seed_of


def sampler(experiment: Experiment, architecture: str, asked: int) -> optuna.samplers.BaseSampler:
    """Return the sampler for the next ask. Its own state dies with the process, so its seed
    comes from what the database knows: the number of trials so far.
    """
    seed = seed_of(experiment.seed, "sampler", architecture, asked)
    if experiment.search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=experiment.search.random_trials, constant_liar=True
    )


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
