"""The values of a trial that its search improves or bounds: what is known when, and what is NaN."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from faceseg.training.loop import TrainingOutcome
from pipelines.config import Experiment
from pipelines.config.goals import SCORE
from pipelines.job.job import Job

if TYPE_CHECKING:
    import keras


def known_costs(experiment: Experiment, job: Job, network: "keras.Model") -> dict[str, float]:
    """Return the cost of a trial's network; nothing for a final, or in a search without goals."""
    if not experiment.search.goals or job.key.kind != "trial":
        return {}
    from faceseg.networks.cost import count_macs, count_parameters

    return {
        "model/macs": float(count_macs(network)),
        "model/parameters": float(count_parameters(network)),
    }


def goal_values(
    experiment: Experiment, job: Job, outcome: TrainingOutcome, values: Mapping[str, float]
) -> dict[str, float]:
    """Return the value of each goal of a trial; NaN if it is undefined.

    Args:
        experiment: The experiment.
        job: The job; finals have no goals.
        outcome: Its training. Scores are those of the best epoch, whose network is kept.
        values: The values that are logged after the training.
    """
    goals = experiment.search.parsed_goals
    if goals is None or job.key.kind != "trial":
        return {}
    best = outcome.history[outcome.best_epoch - 1].metrics
    found = {**best, **values, SCORE: values["best/val_iou"]}
    return {name: float(found.get(name, math.nan)) for name in goals.names}
