"""What every process of a study needs to know besides the experiment: a few addresses."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from faceseg.data.manifest import Manifest
from faceseg.data.split import Split, open_split
from pipelines.config import Experiment
from pipelines.job.checkpoints import JobCheckpoints
from pipelines.job.job import Job, JobKey
from pipelines.tracking import Outbox, RunIdentity, Tracker


@dataclass(frozen=True)
class StudyContext:
    """A prepared experiment: its packs, its MLflow experiment and its study's run
    ('' for a single training)."""

    experiment: Experiment
    packs: Path
    manifest: Manifest
    tracker: Tracker
    experiment_id: str
    study_run: str
    commit: str

    @cached_property
    def train(self) -> Split:
        """The training images, shared by all processes of a node."""
        return open_split(self.packs, "train")

    @cached_property
    def validation(self) -> Split:
        """The validation images: they choose epochs and settings."""
        return open_split(self.packs, "val")

    @cached_property
    def test(self) -> Split:
        """The test images: only finals look at them, once."""
        return open_split(self.packs, "test")

    @property
    def dataset(self) -> dict[str, Any]:
        """What MLflow shows of the data set: its name and digest, counts, class shares, what was
        left out.
        """
        splits = self.manifest.splits
        return {
            "name": self.experiment.data.source,
            "digest": self.manifest.fingerprint,
            "counts": {name: facts.count for name, facts in splits.items()},
            "image_size": list(self.manifest.image_size),
            "left_out": len(self.manifest.problems),
            "class_shares": splits["train"].class_shares,
        }

    @property
    def name(self) -> str:
        """The study's name, or that of the experiment's single trainings."""
        return self.experiment.study if self.study_run else self.experiment.single

    @property
    def checkpoints(self) -> Path:
        """The folder of unfinished jobs' checkpoints: one a study, and in it one a job."""
        return self.experiment.storage / "checkpoints"

    @property
    def outboxes(self) -> Path:
        """The folder of what MLflow has not got yet: one folder a run."""
        return self.experiment.storage / "outbox" / self.name


# --- What a job leaves between its attempts: its MLflow run's outbox, and its checkpoints.


def job_outbox(context: StudyContext, job: Job) -> Outbox:
    """Return where all that a job has to say is written; a job done again has the same."""
    return outbox_for_key(
        context, job.study, job.key, describe_job(job, alone=not context.study_run)
    )


def outbox_for_key(context: StudyContext, study: str, key: JobKey, description: str) -> Outbox:
    """Return the outbox of what a key names: the identity of its run is made of it."""
    identity = {
        "study": study,
        "kind": key.kind,
        "architecture": key.architecture,
        "trial": str(key.number),
        "winner": key.winner or "-",
    }
    run = RunIdentity(
        context.experiment_id, key.label, identity, description, parent=context.study_run
    )
    return Outbox(context.outboxes / key.folder, run)


def study_outbox(context: StudyContext, worker: str) -> Outbox:
    """Return where a worker writes what it has to say of the study itself."""
    identity = {"study": context.experiment.study, "kind": "study"}
    run = RunIdentity(context.experiment_id, context.experiment.study, identity, "")
    return Outbox(context.outboxes / f"study-{worker.replace('/', '-')}", run)


def job_checkpoints(context: StudyContext, job: Job) -> JobCheckpoints:
    """Return where a job's checkpoints are."""
    copies, name = context.experiment.checkpoints, f"{job.study}/{job.key.folder}"
    address = f"{copies.rstrip('/')}/{name}" if copies else None
    return JobCheckpoints(context.checkpoints / name, address)


def describe_job(job: Job, alone: bool = False) -> str:
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
