"""What every process of a study needs besides the experiment, and the folders of a job."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from faceseg.data.manifest import Manifest
from faceseg.data.split import Split, open_split
from pipelines.config import Experiment
from pipelines.job.checkpoints import JobCheckpoints
from pipelines.job.job import EnsembleMember, Job, JobKey
from pipelines.tracking import Outbox, RunIdentity, Sender, Tracker
from pipelines.tracking.outbox import record_paths


@dataclass(frozen=True, kw_only=True)
class StudyContext:
    """A prepared experiment, sent to every process of its study.

    Attributes:
        experiment: The experiment.
        packs: The folder of its packed images.
        manifest: What the packs contain.
        tracker: The MLflow store.
        experiment_id: The MLflow experiment's id.
        study_run: The id of the study's run; '' for a single training.
        commit: The commit of the program.
        judged_teacher: The judged network that teaches in this study, if there is one.
    """

    experiment: Experiment
    packs: Path
    manifest: Manifest
    tracker: Tracker
    experiment_id: str
    study_run: str
    commit: str
    judged_teacher: EnsembleMember | None = None

    @cached_property
    def train(self) -> Split:
        """The training images, shared by all processes of a node."""
        return open_split(self.packs, "train")

    @cached_property
    def validation(self) -> Split:
        """The validation images, on which epochs and settings are chosen."""
        return open_split(self.packs, "val")

    @cached_property
    def test(self) -> Split:
        """The test images, used once, by finals."""
        return open_split(self.packs, "test")

    @property
    def split_counts(self) -> dict[str, int]:
        """The number of images of each split."""
        return {name: facts.count for name, facts in self.manifest.splits.items()}

    @property
    def face_share(self) -> float:
        """The share of the training's pixels in classes of the face."""
        classes, shares = self.manifest.classes, self.manifest.splits["train"].class_shares
        return sum(shares[classes.names[each]] for each in classes.face)

    @property
    def face_box(self) -> dict[str, Any]:
        """What a network's origin records of the face boxes of its training, if it has any."""
        face_box = self.experiment.data.face_box
        return {} if face_box is None else {"face_box": face_box.model_dump()}

    @property
    def dataset(self) -> dict[str, Any]:
        """The data set as MLflow stores it: name, digest, counts, class shares, excluded files."""
        return {
            "name": self.experiment.data.source,
            "digest": self.manifest.fingerprint,
            "counts": self.split_counts,
            "image_size": list(self.manifest.image_size),
            "left_out": len(self.manifest.problems),
            "class_shares": self.manifest.splits["train"].class_shares,
        }

    @property
    def name(self) -> str:
        """The study's name, or that of the experiment's single trainings."""
        return self.experiment.study if self.study_run else self.experiment.single_training_name

    @property
    def checkpoints(self) -> Path:
        """The folder of unfinished jobs' checkpoints; it contains `STUDY/JOB`."""
        return self.experiment.storage / "checkpoints"

    @property
    def energy_accounts(self) -> Path:
        """The folder of the files that split the energy of devices among processes."""
        return self.experiment.storage / "locks"

    @property
    def outboxes(self) -> Path:
        """The folder of the records that wait for MLflow; it contains a folder for each run."""
        return outbox_folder(self.experiment, self.name)


def outbox_folder(experiment: Experiment, name: str) -> Path:
    """Return the folder of the records of a study, or of an experiment's single trainings."""
    return experiment.storage / "outbox" / name


# --- What the attempts of a job share: the outbox of its MLflow run, and its checkpoints.


def job_outbox(context: StudyContext, job: Job) -> Outbox:
    """Return the outbox of a job's run; every attempt uses the same one."""
    return outbox_for_key(
        context, job.study, job.key, describe_job(job, alone=not context.study_run)
    )


def outbox_for_key(context: StudyContext, study: str, key: JobKey, description: str) -> Outbox:
    """Return the outbox of the run that belongs to a key.

    Args:
        context: The study's context.
        study: The value of the run's tag `faceseg.study`.
        key: The identity of the run is made from it.
        description: One sentence for the run's page in MLflow.
    """
    identity = {
        "study": study,
        "kind": key.kind,
        "architecture": key.architecture,
        "trial": str(key.number),
        "winner": key.winner or "-",
    }
    run = RunIdentity(
        experiment_id=context.experiment_id,
        name=key.label,
        identity=identity,
        description=description,
        parent=context.study_run,
    )
    return Outbox(context.outboxes / key.folder, run)


def waiting_jobs(context: StudyContext) -> set[JobKey]:
    """Return the jobs with records that wait in an outbox."""
    folders = (folder for folder in context.outboxes.glob("*/") if record_paths(folder))
    keys = (JobKey.from_folder(folder.name) for folder in folders)
    return {key for key in keys if key is not None}  # the others are of the study's own run


def study_outbox(context: StudyContext, worker: str) -> Outbox:
    """Return the outbox in which a worker writes records of the study's own run."""
    run = RunIdentity(
        experiment_id=context.experiment_id,
        name=context.experiment.study,
        identity={"study": context.experiment.study, "kind": "study"},
        description="",
    )
    return Outbox(context.outboxes / f"study-{worker.replace('/', '-')}", run)


def study_sender(context: StudyContext) -> Sender:
    """Return a sender of the study's records; it sends while its context is open."""
    return Sender(context.outboxes, context.tracker, context.experiment_id, context.study_run)


def job_checkpoints(context: StudyContext, job: Job) -> JobCheckpoints:
    """Return the checkpoints of a job."""
    copies, name = context.experiment.checkpoints, f"{job.study}/{job.key.folder}"
    address = f"{copies.rstrip('/')}/{name}" if copies else None
    return JobCheckpoints(context.checkpoints / name, address)


def describe_job(job: Job, alone: bool = False) -> str:
    """Describe a job's run in one sentence. `alone`: it belongs to no study."""
    settings = job.settings
    subject = f"Trial {job.key.number} of the search for {job.key.architecture}"
    if alone:
        subject = f"Single training {job.key.number} of {job.key.architecture}"
    elif job.key.kind == "final":
        subject = f"Final {job.key.number} of {job.key.architecture}'s best setting, tested once"
    return (
        f"{subject}: learning rate {settings.learning_rate:.3g}, batch size "
        f"{settings.batch_size}, {settings.epochs} epochs, seed {job.seed}."
    )
