"""`faceseg train`: one training in this process, with no Ray and no search."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.config import Experiment
from pipelines.data.prepare import prepare
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, JobKey
from pipelines.studies import study
from pipelines.studies.cleanup import close_runs_on_error, wait_for_delivery
from pipelines.tracking import Sender, Tracker

if TYPE_CHECKING:
    from pipelines.execution.runner import JobResult


class TerminalReporter:
    """A job's line to a person: one bar, and a line an epoch. Nothing is pruned."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        self._progress = progress
        self._epochs = epochs
        self._task = progress.add_task("training", total=100 * epochs, loss="", iou="")

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Move the bar."""
        done = 100 * (epoch - 1) + percent
        self._progress.update(self._task, completed=done, loss=f"loss {loss:.3f}")

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Print the epoch."""
        self._progress.console.print(
            f"epoch {epoch}/{self._epochs}  val IoU {value:.4f}  {images_per_second:.0f} images/s",
            highlight=False,
        )
        self._progress.update(self._task, completed=100 * epoch, iou=f"val IoU {value:.4f}")
        return True


def run(experiment: Experiment, architecture: str, console: Console) -> "JobResult":
    """Train one architecture with the experiment's own settings, logged like any trial."""
    if architecture not in experiment.architectures:
        raise UserError(
            f"{architecture!r} is not among this experiment's architectures: "
            f"{', '.join(experiment.architectures)}"
        )
    study.check_experiment(experiment)
    folder, manifest = prepare(experiment, console)
    # A framework is loaded only now: mistakes are told without it.
    from faceseg.backends.device import configure_device

    threads = max(1, int(experiment.resources.cpus))
    configure_device(threads, experiment.resources.gpus)
    from pipelines.execution.runner import JobRunner

    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    context = StudyContext(
        experiment, folder, manifest, tracker, experiment_id, "", versions.commit()
    )
    job = Job(
        _key(context, architecture), experiment.single, experiment.seed, 1, experiment.training
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[loss]} {task.fields[iou]}"),
        TimeElapsedColumn(),
    )
    bench = JobRunner(context, threads)
    with (
        close_runs_on_error(context),
        Sender(context.outboxes, tracker) as sender,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        result = bench.run(job, TerminalReporter(progress, experiment.training.epochs))
        wait_for_delivery(context, sender, console)
    bench.remove_checkpoints(job)
    return result


def _key(context: StudyContext, architecture: str) -> JobKey:
    """Return the key of a training that was interrupted, or else of a new one."""
    runs = context.tracker.find_runs(
        context.experiment_id, study=context.experiment.single, architecture=architecture
    )
    ended = [run for run in runs if "faceseg.state" in run.data.tags]
    return JobKey("trial", architecture, len(ended))
