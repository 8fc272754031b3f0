"""Load the networks that teach another one, from their finals in MLflow."""

from pathlib import Path
from tempfile import TemporaryDirectory

from faceseg.networks.saving import load_network
from faceseg.training.distillation import Distillation
from pipelines.job.context import StudyContext
from pipelines.job.job import Job
from pipelines.job.members import wait_for_run
from pipelines.tracking import Outbox
from pipelines.tracking.run_networks import fetch_networks


def teacher_of(context: StudyContext, job: Job, outbox: Outbox) -> Distillation:
    """Return the teacher of a taught final: its teachers' finals of the same number.

    Args:
        context: The study.
        job: The final.
        outbox: The outbox of its run, which logs the teachers' runs.

    Raises:
        UserError: A teacher's run or its network cannot be read from MLflow.
    """
    settings = context.experiment.distil
    if settings is None:
        raise ValueError(f"{job.key.label} has teachers, but the experiment has no `distil`")
    runs = {
        each.architecture: wait_for_run(context, each, job.key.number).info.run_id
        for each in job.teachers
    }
    outbox.params({"teachers": runs, "distil": settings.model_dump()})
    with TemporaryDirectory(prefix="faceseg-") as folder:
        files = fetch_networks(context.tracker, list(runs.values()), Path(folder))
        networks = [load_network(file)[0] for file in files]
    return Distillation(networks, weight=settings.weight, temperature=settings.temperature)
