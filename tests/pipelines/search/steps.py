"""Steps of a search that its tests share: take a job as a worker does, and end it."""

from optuna.trial import TrialState

from pipelines.job.job import Job, JobKey
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.trial_jobs import settings_digest

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def worker_of(search: ArchitectureSearch) -> str:
    return f"{search.session}/worker-1"


def next_job(search: ArchitectureSearch, worker: str = "") -> Job | None:
    """Return a trial, or else a final, for a worker of the search's session."""
    worker = worker or worker_of(search)
    return search.next_trial(worker) or search.next_final(worker)


def take(search: ArchitectureSearch, worker: str = "") -> Job:
    """Return the next job; there must be one."""
    job = next_job(search, worker)
    assert job is not None
    return job


def end(
    search: ArchitectureSearch,
    key: JobKey,
    value: float | None,
    state: TrialState = COMPLETE,
    reason: str = "",
) -> None:
    outcome = JobOutcome(value=value, pruned=state == PRUNED, reason=reason)
    search.end(key, outcome)


def winner_digest(search: ArchitectureSearch) -> str:
    return settings_digest(search.jobs.winning_settings())


def complete_finals(search: ArchitectureSearch) -> int:
    finals = search.finals()
    return len(finals.complete()) if finals else 0


def finish_search(search: ArchitectureSearch, *values: float | None) -> list[Job]:
    """Take a job for each value and end it with the value; None: as failed."""
    jobs = []
    for value in values:
        job = take(search)
        assert job.key.kind == "trial"
        end(search, job.key, value, FAIL if value is None else COMPLETE, "" if value else "broken")
        jobs.append(job)
    return jobs


def finish_finals(search: ArchitectureSearch) -> list[Job]:
    jobs = []
    while job := next_job(search):
        assert job.key.kind == "final"
        end(search, job.key, 0.5, COMPLETE)
        jobs.append(job)
    return jobs
