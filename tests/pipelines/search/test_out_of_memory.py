"""Batch sizes that ran out of memory are excluded from later trials; nothing else changes."""

from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.worker_death import MemoryPressure, WorkerDeath

from .steps import next_job, take

WORKER = "s/worker-1"
FIRST = [
    {"learning_rate": 0.003, "batch_size": 16.0},
    {"learning_rate": 0.002, "batch_size": 32.0},
    {"learning_rate": 0.001, "batch_size": 8.0},
]


def overflow(search: ArchitectureSearch, job: Job) -> None:
    """End a job as a worker does that ran out of memory."""
    reason = f"out of memory at batch size {job.settings.batch_size}"
    search.finish_by(WORKER, job.key, JobOutcome(value=None, reason=reason, out_of_memory=True))


@pytest.fixture
def long(experiment: Experiment, changed: Any) -> Experiment:
    found: Experiment = changed(experiment, search={"trials": 25, "random_trials": 4})
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_batches_as_large_as_one_that_failed_are_not_suggested_again(
    sampler: str, long: Experiment, open_search: Any, changed: Any
):
    """The score is best for the largest batch, so the sampler would suggest it."""
    search = open_search(changed(long, search={"sampler": sampler}))
    sizes, limit = [], 32
    for _ in range(24):
        job = take(search, WORKER)
        size = job.settings.batch_size
        sizes.append((size, limit))
        if size >= 32:
            overflow(search, job)
            limit = min(limit, size)
        else:
            search.finish_by(WORKER, job.key, JobOutcome(value=size / 32))
    first_failure = next(place for place, (size, _) in enumerate(sizes) if size == 32)
    assert {size for size, _ in sizes[first_failure + 1 :]} == {8, 16}
    assert search.trials.count() == {"complete": 23, "fail": 1}
    assert search.failure_reasons() == ["out of memory at batch size 32"]
    failed = search.trials.find(first_failure)
    assert failed.user_attrs["out_of_memory"] == 32


def test_another_architecture_may_still_use_them(long: Experiment, open_search: Any):
    search = open_search(long)
    while (job := take(search, WORKER)).settings.batch_size != 16:
        search.finish_by(WORKER, job.key, JobOutcome(value=0.5))
    overflow(search, job)
    assert search.suggester.batch_sizes() == (8,)
    assert open_search(long, "segnet").suggester.batch_sizes() == (8, 16, 32)
    assert open_search(long).suggester.batch_sizes() == (8,)  # a new driver excludes it too


def test_a_first_point_that_is_too_large_fails_with_the_reason(
    long: Experiment, open_search: Any, changed: Any
):
    search = open_search(changed(long, search={"first": FIRST}))
    job = take(search, WORKER)
    assert job.settings.batch_size == 16
    overflow(search, job)
    following = take(search, WORKER)
    assert (following.key.number, following.settings.batch_size) == (2, 8)
    left_out = search.trials.find(1)
    assert left_out.state.name == "FAIL"
    assert left_out.user_attrs["reason"].startswith("not run: batch size 32")
    assert search.trials.find(3 - 1).number == 2


def test_a_larger_batch_that_is_running_continues(long: Experiment, open_search: Any):
    """It may fit where it runs; a new attempt of it is allowed too."""
    search = open_search(long, session="s")
    jobs = [take(search, WORKER) for _ in range(12)]
    large = next(job for job in jobs if job.settings.batch_size == 32)
    small = next(job for job in jobs if job.settings.batch_size == 8)
    overflow(search, small)
    assert search.report(WORKER, large.key, 1, 0.5) == "continue"
    again = open_search(long, session="t")
    resumed = [next_job(again, "t/worker-1") for _ in range(11)]
    assert large.key in [job.key for job in resumed]
    assert next_job(again, "t/worker-1") is None


def test_a_search_whose_smallest_batch_does_not_fit_ends_with_a_message(
    experiment: Experiment, open_search: Any, changed: Any
):
    space = {**experiment.search.space.model_dump(), "batch_size": {"choices": [8]}}
    search = open_search(changed(experiment, search={"space": space, "trials": 9}))
    search.finish_by(WORKER, take(search, WORKER).key, JobOutcome(value=0.25))
    overflow(search, take(search, WORKER))
    note = "unet: even the smallest batch size of search.space ran out of memory; its search ends"
    assert search.suggester.early_end_message().startswith(note)
    assert "after 2 of 9 trials" in search.suggester.early_end_message()
    assert take(search, WORKER).key.kind == "final"  # the completed trial has its finals


def test_a_search_without_a_trial_that_fits_ends(
    experiment: Experiment, open_search: Any, changed: Any
):
    space = {**experiment.search.space.model_dump(), "batch_size": {"choices": [8]}}
    search = open_search(changed(experiment, search={"space": space}))
    overflow(search, take(search, WORKER))
    assert next_job(search, WORKER) is None
    assert search.done()
    assert search.trials.best() is None
    assert search.failure_reasons()[0] == "out of memory at batch size 8"


# --- Ray kills a worker to save its node's memory.


def killed(own: float) -> WorkerDeath:
    """A worker that held `own` of 16 GiB; other programs held the rest."""
    memory = MemoryPressure(own=own, used=16.0)
    return WorkerDeath(description=f"Ray killed it at {own:g} of 16 GiB", memory=memory)


def take_larger(search: ArchitectureSearch) -> Job:
    """End trials until there is one whose batch is not the smallest; return it."""
    while (job := take(search, WORKER)).settings.batch_size == 8:
        search.finish_by(WORKER, job.key, JobOutcome(value=0.5))
    return job


def test_the_trial_of_a_worker_that_filled_the_memory_fails_at_once(
    long: Experiment, open_search: Any
):
    search = open_search(long)
    job = take_larger(search)
    key, ruling = search.release(WORKER, killed(own=12))
    size = job.settings.batch_size
    reason = f"out of memory at batch size {size}: Ray killed it at 12 of 16 GiB"
    assert (key, ruling.reason) == (job.key, reason)
    assert [reason for _, reason in search.jobs_to_fail()] == [reason]
    assert max(search.suggester.batch_sizes()) < size


def test_a_trial_is_retried_where_other_programs_filled_the_memory(
    long: Experiment, open_search: Any
):
    """It fails at the third time, and its batch size stays allowed."""
    search = open_search(long)
    job = take_larger(search)
    for attempt in (2, 3):
        assert search.release(WORKER, killed(own=2)) is not None
        again = take(search, WORKER)
        assert (again.key, again.attempt) == (job.key, attempt)
    search.release(WORKER, killed(own=2))
    ((_, reason),) = search.jobs_to_fail()
    assert reason.startswith("failed 3 times in a row before an epoch was done: Ray killed it at 2")
    assert "its batch size is not the cause" in reason
    assert search.suggester.batch_sizes() == (8, 16, 32)


def test_a_batch_size_that_has_trained_is_not_the_cause(long: Experiment, open_search: Any):
    search = open_search(long)
    job = take_larger(search)
    search.report(WORKER, job.key, 1, 0.5)
    search.release(WORKER, killed(own=12))
    assert take(search, WORKER).key == job.key
    assert search.suggester.batch_sizes() == (8, 16, 32)
