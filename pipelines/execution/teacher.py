"""Load the networks that teach another one: their finals in MLflow, or a judged network."""

from pathlib import Path
from tempfile import TemporaryDirectory

from faceseg.networks.saving import load_network
from faceseg.training.distillation import Distillation
from pipelines.execution.judged_teacher import judged_run, open_judged
from pipelines.job.context import StudyContext
from pipelines.job.job import Job
from pipelines.job.members import wait_for_run
from pipelines.tracking import Outbox
from pipelines.tracking.run_networks import fetch_networks


def teacher_of(context: StudyContext, job: Job, outbox: Outbox) -> Distillation:
    """Return the teacher of a taught final: finals of the same number, or a judged network.

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
    judged = settings.is_judged
    runs = [
        judged_run(context, each) if judged else wait_for_run(context, each, job.key.number)
        for each in job.teachers
    ]
    names = [each.architecture for each in job.teachers]
    ids = [run.info.run_id for run in runs]
    outbox.params({"teachers": dict(zip(names, ids, strict=True)), "distil": settings.model_dump()})
    with TemporaryDirectory(prefix="faceseg-") as folder:
        outside = open_judged(context, runs[0], Path(folder)) if judged else None
        files = [] if judged else fetch_networks(context.tracker, ids, Path(folder))
        networks = [load_network(file)[0] for file in files]
    return Distillation(
        networks, outside=outside, weight=settings.weight, temperature=settings.temperature
    )
