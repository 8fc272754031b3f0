"""One training in this process, without Ray and without a search: `faceseg train`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run
from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.config import Experiment
from pipelines.config.secrets import redact
from pipelines.data.prepare import prepare
from pipelines.job.context import StudyContext, study_sender
from pipelines.job.cost_meter import CostMeter
from pipelines.job.device_share import use_share
from pipelines.job.job import Job, JobKey
from pipelines.job.log import log_run, study_log
from pipelines.studies.cleanup import close_runs_on_error, wait_for_delivery
from pipelines.studies.study import check_experiment
from pipelines.tracking import Tracker

CHECKPOINT = "checkpoints/best.keras"  # among a run's artifacts


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The result of a single training.

    Attributes:
        architecture: The network that was trained.
        best_iou: The best `val/iou` of an epoch, in [0, 1]; None if the training failed.
        failure: Why the training failed; empty if it succeeded.
        train_loss: The mean training loss of the last epoch; None without a finished epoch.
        val_loss: The validation loss of the last epoch; None without a finished epoch.
        run_id: The id of its MLflow run; empty if MLflow refused to create one.
        checkpoint: The best epoch's network: a path, or an address that `faceseg.load` opens if
            MLflow keeps its files elsewhere; empty if there is none.
        tracking_uri: The address of MLflow.
    """

    architecture: str
    best_iou: float | None
    failure: str
    train_loss: float | None = None
    val_loss: float | None = None
    run_id: str
    checkpoint: str = ""
    tracking_uri: str


class TerminalReporter:
    """Reports a training on the console: a progress bar, and a line for each epoch."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        self._progress = progress
        self._epochs = epochs
        self._loss = math.nan
        self._task = progress.add_task("training", total=100 * epochs, loss="", iou="")

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Update the progress bar."""
        done = 100 * (epoch - 1) + percent
        self._loss = loss
        self._progress.update(self._task, completed=done, loss=f"loss {loss:.3f}")

    def note_costs(self, key: JobKey, costs: Mapping[str, float]) -> None:
        """Do nothing: a single training belongs to no search."""

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Print the epoch; return True, because a single training is never pruned."""
        self._progress.console.print(
            f"epoch {epoch}/{self._epochs}  loss {self._loss:.4f}  val IoU {value:.4f}  "
            f"{images_per_second:.0f} images/s",
            highlight=False,
        )
        self._progress.update(self._task, completed=100 * epoch, iou=f"val IoU {value:.4f}")
        return True


def run(experiment: Experiment, architecture: str, console: Console) -> TrainingResult:
    """Train one architecture once with the experiment's training settings.

    The training is logged in MLflow like a trial, but belongs to no study. An interrupted
    training is resumed.

    Args:
        experiment: The experiment.
        architecture: One of its architectures.
        console: Receives the progress bar and a line for each epoch.

    Returns:
        The best validation IoU and the MLflow run, or the reason why the training failed.

    Raises:
        UserError: The experiment has no such architecture, cannot run, or MLflow failed.
    """
    if architecture not in experiment.architectures:
        raise UserError(
            f"{architecture!r} is not among this experiment's architectures: "
            f"{', '.join(experiment.architectures)}"
        )
    check_experiment(experiment)
    folder, manifest = prepare(experiment, console)
    use_share(experiment.resources)
    tracker = Tracker(experiment.tracking_uri)
    context = StudyContext(
        experiment=experiment,
        packs=folder,
        manifest=manifest,
        tracker=tracker,
        experiment_id=tracker.experiment(experiment.name, experiment.storage / "artifacts"),
        study_run="",
        commit=versions.commit(),
    )
    with study_log(experiment.storage, context.name):
        return _train(context, architecture, console)


def _train(context: StudyContext, architecture: str, console: Console) -> TrainingResult:
    from pipelines.execution.runner import JobRunner

    experiment = context.experiment
    job = Job(
        key=_next_key(context, architecture),
        study=experiment.single_training_name,
        seed=experiment.seed,
        attempt=1,
        settings=experiment.training,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[loss]} {task.fields[iou]}"),
        TimeElapsedColumn(),
    )
    meter = CostMeter(experiment.resources, context.energy_accounts)
    runner = JobRunner(context, experiment.resources.threads, meter=meter)
    with (
        log_run(job.key.label),
        close_runs_on_error(context),
        study_sender(context) as sender,
        Progress(*columns, console=console, transient=True) as progress,
        meter.attempt(),
    ):
        result = runner.run(job, TerminalReporter(progress, job.settings.epochs))
        wait_for_delivery(context, sender, console)
    runner.remove_checkpoints(job)
    run = _find_run(context, job.key)
    metrics = run.data.metrics if run else {}
    trained = TrainingResult(
        architecture=architecture,
        best_iou=result.value,
        failure=result.reason,
        train_loss=metrics.get("train/loss"),
        val_loss=metrics.get("val/loss"),
        run_id=run.info.run_id if run else "",
        checkpoint=_checkpoint(run) if run and result.value is not None else "",
        tracking_uri=experiment.tracking_uri,
    )
    for line in _lines(trained):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return trained


def _lines(trained: TrainingResult) -> list[str]:
    """Return the lines at the end of a training: its loss, run and checkpoint."""
    found = []
    if trained.train_loss is not None and trained.val_loss is not None:
        found.append(f"loss: {trained.train_loss:.4f}, on validation {trained.val_loss:.4f}")
    if trained.run_id:
        found.append(f"run: {trained.run_id} in MLflow at {redact(trained.tracking_uri)}")
    if trained.checkpoint:
        found.append(f"checkpoint: {trained.checkpoint}")
    return found


def _next_key(context: StudyContext, architecture: str) -> JobKey:
    """Return the key of an interrupted training, or else a new one."""
    runs = context.tracker.find_runs(
        context.experiment_id,
        study=context.experiment.single_training_name,
        architecture=architecture,
    )
    ended = [run for run in runs if "faceseg.state" in run.data.tags]
    return JobKey(kind="trial", architecture=architecture, number=len(ended))


def _find_run(context: StudyContext, key: JobKey) -> Run | None:
    runs = context.tracker.find_runs(
        context.experiment_id,
        study=context.experiment.single_training_name,
        kind=key.kind,
        architecture=key.architecture,
        trial=str(key.number),
    )
    return runs[0] if runs else None


def _checkpoint(run: Run) -> str:
    """Return the path of the run's best checkpoint, or its address if it is not on this disk."""
    address = str(run.info.artifact_uri)
    if is_local_uri(address):
        return str(Path(local_file_uri_to_path(address)) / CHECKPOINT)
    return f"runs:/{run.info.run_id}/{CHECKPOINT}"
