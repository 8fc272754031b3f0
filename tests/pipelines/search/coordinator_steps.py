"""Steps of a coordinator that its tests share: take a job as a worker does, and end it."""

from pipelines.job.job import Job, JobKey
from pipelines.search.coordinator import Coordinator
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.worker_death import WorkerDeath

CRASH = WorkerDeath(description="its process ended")


def take(coordinator: Coordinator, worker: str = "s/w1") -> Job:
    job = coordinator.next_job(worker)
    assert isinstance(job, Job)
    return job


def end(
    coordinator: Coordinator, job: Job, value: float | None = 0.5, worker: str = "s/w1"
) -> None:
    coordinator.finish(
        worker, job.key, JobOutcome(value=value, reason="" if value is not None else "broken")
    )


def finish(coordinator: Coordinator) -> list[JobKey]:
    """Run all jobs with one worker, each scored by its number; return the keys."""
    keys = []
    while (job := coordinator.next_job("s/w1")) is not None:
        assert isinstance(job, Job)
        end(coordinator, job, 0.1 * (1 + job.key.number))
        keys.append(job.key)
    return keys
