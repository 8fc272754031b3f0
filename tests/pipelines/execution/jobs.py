"""Jobs of the runner in `conftest`, their reports, and their runs in MLflow."""

from collections.abc import Mapping
from typing import Any

from pipelines.execution.runner import JobRunner
from pipelines.job.job import Job, JobKey
from pipelines.tracking import Sender

Points = dict[str, list[tuple[int, float]]]  # metric -> steps and values


class RecordingReporter:
    """Records the reports of a job, and prunes it after an epoch if one is given."""

    def __init__(self, prune_after: int | None = None) -> None:
        self.prune_after = prune_after
        self.values: list[tuple[int, float]] = []

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        pass

    def note_costs(self, key: JobKey, costs: Mapping[str, float]) -> None:
        self.costs = dict(costs)

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        self.values.append((epoch, value))
        return epoch != self.prune_after


def job_of(runner: JobRunner, number: int, attempt: int = 1, **settings: Any) -> Job:
    training = runner.context.experiment.training.model_copy(update=settings)
    return Job(
        key=JobKey(kind="trial", architecture="segnet", number=number),
        study="s-1",
        seed=7,
        attempt=attempt,
        settings=training,
    )


def run_of(runner: JobRunner, number: int) -> Any:
    """Return the run of a job once all of its records are delivered to MLflow."""
    context = runner.context
    with Sender(context.outboxes, context.tracker) as sender:
        assert sender.drain(60), sender.status()
    (run,) = context.tracker.find_runs(context.experiment_id, study="s-1", trial=str(number))
    return run
