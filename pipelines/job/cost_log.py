"""Log what was spent: by the attempts at a job in its run, and by all jobs in the study's run.

A job's run has metrics `cost/…`. The study's run has tags, because MLflow would draw metrics as
curves: one for each network, which the comparison reads, with what its trials and finals have used
in all attempts, as JSON; and the sum in words.
"""

import json
from collections.abc import Mapping

from pipelines.config import Experiment
from pipelines.job.context import StudyContext, study_outbox
from pipelines.job.job import Job
from pipelines.job.spent import Spent, cost_metrics, describe, energy_source, total
from pipelines.tracking import Outbox

SPENT_TAG = "spent."  # and the network's name


def log_job_cost(outbox: Outbox, job: Job, spent: Spent, experiment: Experiment) -> None:
    """Log what all attempts at a job have used.

    Args:
        outbox: The outbox of the job's run.
        job: The job; the number of its attempt is the step.
        spent: What its attempts have used.
        experiment: The experiment, for its prices.
    """
    outbox.metrics(cost_metrics(spent, experiment.resources.prices), step=job.attempt)
    if source := energy_source(spent):
        outbox.tags(energy=source)


def log_study_cost(context: StudyContext, spent: Mapping[str, Spent]) -> None:
    """Log what the jobs of each network have used.

    Args:
        context: The study.
        spent: What they have used, by network.
    """
    whole, prices = total(spent.values()), context.experiment.resources.prices
    stored = {f"{SPENT_TAG}{name}": json.dumps(spent[name].as_dict()) for name in spent}
    study_outbox(context, "driver").tags(**stored, cost=describe(whole, prices))


def read_study_cost(tags: Mapping[str, str]) -> dict[str, Spent]:
    """Return what the jobs of each network have used, from all tags of a study's run."""
    prefix = f"faceseg.{SPENT_TAG}"
    return {
        name.removeprefix(prefix): Spent.read(json.loads(text))
        for name, text in tags.items()
        if name.startswith(prefix)
    }
