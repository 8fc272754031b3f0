"""Log what was spent: by the attempts at a job in its run, and by all jobs in the study's run.

Both runs have metrics `cost/…`. The study's run also has a tag for each network, which the
comparison reads: what its trials and finals have used in all attempts, as JSON.
"""

import json
import time
from collections.abc import Mapping

from pipelines.config import Experiment
from pipelines.job.context import StudyContext, study_outbox
from pipelines.job.job import Job
from pipelines.job.spent import Spent, cost_metrics, energy_source, total
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
    outbox, whole = study_outbox(context, "driver"), total(spent.values())
    stored = {f"{SPENT_TAG}{name}": json.dumps(spent[name].as_dict()) for name in spent}
    outbox.tags(**stored, energy=energy_source(whole))
    # A study that goes on logs it again: a step is stored once.
    values = cost_metrics(whole, context.experiment.resources.prices)
    outbox.metrics(values, step=None, at=time.time())


def read_study_cost(tags: Mapping[str, str]) -> dict[str, Spent]:
    """Return what the jobs of each network have used, from all tags of a study's run."""
    prefix = f"faceseg.{SPENT_TAG}"
    return {
        name.removeprefix(prefix): Spent.read(json.loads(text))
        for name, text in tags.items()
        if name.startswith(prefix)
    }
