"""What a job leaves between its attempts: its MLflow run's outbox, and its checkpoints."""

from pipelines.checkpoints import Checkpoints
from pipelines.context import Context
from pipelines.search.job import Job, Key
from pipelines.tracking import Outbox, RunInfo


def outbox(context: Context, job: Job) -> Outbox:
    """Return where all that a job has to say is written; a job done again has the same."""
    return outbox_of(context, job.study, job.key, describe(job, alone=not context.study_run))


def outbox_of(context: Context, study: str, key: Key, description: str) -> Outbox:
    """Return the outbox of what a key names: the identity of its run is made of it."""
    identity = {
        "study": study,
        "kind": key.kind,
        "architecture": key.architecture,
        "trial": str(key.number),
        "winner": key.winner or "-",
    }
    run = RunInfo(context.experiment_id, key.label, identity, description, parent=context.study_run)
    return Outbox(context.outboxes / key.folder, run)


def outbox_of_study(context: Context, worker: str) -> Outbox:
    """Return where a worker writes what it has to say of the study itself."""
    identity = {"study": context.experiment.study, "kind": "study"}
    run = RunInfo(context.experiment_id, context.experiment.study, identity, "")
    return Outbox(context.outboxes / f"study-{worker.replace('/', '-')}", run)


def checkpoints(context: Context, job: Job) -> Checkpoints:
    """Return where a job's checkpoints are."""
    copies, name = context.experiment.checkpoints, f"{job.study}/{job.key.folder}"
    address = f"{copies.rstrip('/')}/{name}" if copies else None
    return Checkpoints(context.checkpoints / name, address)


def describe(job: Job, alone: bool = False) -> str:
    """Say in a sentence what a run is. alone: it belongs to no study."""
    settings = job.settings
    what = f"Trial {job.key.number} of the search for {job.key.architecture}"
    if alone:
        what = f"Single training {job.key.number} of {job.key.architecture}"
    elif job.key.kind == "final":
        what = f"Final {job.key.number} of {job.key.architecture}'s best setting, tested once"
    return (
        f"{what}: learning rate {settings.learning_rate:.3g}, batch size {settings.batch_size}, "
        f"{settings.epochs} epochs, seed {job.seed}."
    )
