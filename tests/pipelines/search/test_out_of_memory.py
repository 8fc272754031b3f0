"""Batch sizes that ran out of memory are left out of later asks; nothing else changes."""

from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.trials import JobOutcome

WORKER = "s/worker-1"
FIRST = [
    {"learning_rate": 0.003, "batch_size": 16.0},
    {"learning_rate": 0.002, "batch_size": 32.0},
    {"learning_rate": 0.001, "batch_size": 8.0},
]


def take(lane: ArchitectureSearch) -> Job:
    job = lane.next(WORKER)
    assert job is not None
    return job


def overflow(lane: ArchitectureSearch, job: Job) -> None:
    """End a job as a worker does whose memory ran out."""
    reason = f"out of memory at batch size {job.settings.batch_size}"
    lane.finish_by(WORKER, job.key, JobOutcome(None, reason=reason, out_of_memory=True))


@pytest.fixture
def long(experiment: Experiment, changed: Any) -> Experiment:
    found: Experiment = changed(experiment, search={"trials": 25, "random_trials": 4})
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_batches_as_large_as_one_that_failed_are_never_asked_for_again(
    sampler: str, long: Experiment, open_lane: Any, changed: Any
):
    """The score likes the largest batch that fits, so the sampler would go there."""
    lane = open_lane(changed(long, search={"sampler": sampler}))
    sizes, limit = [], 32
    for _ in range(24):
        job = take(lane)
        size = job.settings.batch_size
        sizes.append((size, limit))
        if size >= 32:
            overflow(lane, job)
            limit = min(limit, size)
        else:
            lane.finish(WORKER, job.key, JobOutcome(size / 32))
    first_failure = next(place for place, (size, _) in enumerate(sizes) if size == 32)
    assert {size for size, _ in sizes[first_failure + 1 :]} == {8, 16}
    assert lane.search.count() == {"complete": 23, "fail": 1}
    assert lane.failure_reasons() == ["out of memory at batch size 32"]
    failed = lane.search.find(first_failure)
    assert failed.user_attrs["out_of_memory"] == 32


def test_another_architecture_may_still_take_them(long: Experiment, open_lane: Any):
    lane = open_lane(long)
    while (job := take(lane)).settings.batch_size != 16:
        lane.finish(WORKER, job.key, JobOutcome(0.5))
    overflow(lane, job)
    assert lane.suggester.batch_sizes() == (8,)
    assert open_lane(long, "segnet").suggester.batch_sizes() == (8, 16, 32)
    assert open_lane(long).suggester.batch_sizes() == (8,)  # a new driver knows it too


def test_a_first_point_that_is_too_large_is_left_out_and_says_so(
    long: Experiment, open_lane: Any, changed: Any
):
    lane = open_lane(changed(long, search={"first": FIRST}))
    job = take(lane)
    assert job.settings.batch_size == 16
    overflow(lane, job)
    following = take(lane)
    assert (following.key.number, following.settings.batch_size) == (2, 8)
    left_out = lane.search.find(1)
    assert left_out.state.name == "FAIL"
    assert left_out.user_attrs["reason"].startswith("left out: batch size 32")
    assert lane.search.find(3 - 1).number == 2


def test_a_larger_batch_that_runs_already_is_heard_out(long: Experiment, open_lane: Any):
    """It may have fitted where it is; a new attempt of it is allowed too."""
    lane = open_lane(long, session="s")
    jobs = [take(lane) for _ in range(12)]
    large = next(job for job in jobs if job.settings.batch_size == 32)
    small = next(job for job in jobs if job.settings.batch_size == 8)
    overflow(lane, small)
    assert lane.report(WORKER, large.key, 1, 0.5) == "go on"
    again = open_lane(long, session="t")
    resumed = [again.next("t/worker-1") for _ in range(11)]
    assert large.key in [job.key for job in resumed]
    assert again.next("t/worker-1") is None


def test_a_search_whose_smallest_batch_does_not_fit_ends_and_says_why(
    experiment: Experiment, open_lane: Any, changed: Any
):
    space = {**experiment.search.space.model_dump(), "batch_size": {"choices": [8]}}
    lane = open_lane(changed(experiment, search={"space": space, "trials": 9}))
    lane.finish(WORKER, take(lane).key, JobOutcome(0.25))
    overflow(lane, take(lane))
    note = "unet: even the smallest batch size of search.space ran out of memory; its search ends"
    assert lane.suggester.note().startswith(note)
    assert "after 2 of 9 trials" in lane.suggester.note()
    assert take(lane).key.kind == "final"  # what was completed has its finals


def test_a_search_without_any_trial_that_fits_has_an_end(
    experiment: Experiment, open_lane: Any, changed: Any
):
    space = {**experiment.search.space.model_dump(), "batch_size": {"choices": [8]}}
    lane = open_lane(changed(experiment, search={"space": space}))
    overflow(lane, take(lane))
    assert lane.next(WORKER) is None
    assert lane.done()
    assert lane.winner() is None
    assert lane.failure_reasons()[0] == "out of memory at batch size 8"


def test_a_final_that_does_not_fit_fails_with_the_reason(experiment: Experiment, open_lane: Any):
    lane = open_lane(experiment)
    for _ in range(3):
        lane.finish(WORKER, take(lane).key, JobOutcome(0.5))
    for _ in range(2):
        final = take(lane)
        overflow(lane, final)
    assert lane.done()
    assert lane.finals_done() == 0
    assert lane.failure_reasons() == [f"out of memory at batch size {final.settings.batch_size}"]


def test_a_worker_killed_for_its_memory_dooms_the_job_at_once(long: Experiment, open_lane: Any):
    lane = open_lane(long)
    while (job := take(lane)).settings.batch_size == 8:
        lane.finish(WORKER, job.key, JobOutcome(0.5))
    assert lane.release(WORKER, is_fault=True, out_of_memory=True) == job.key
    ((doomed, reason),) = lane.doomed()
    assert (doomed.key, reason) == (
        job.key,
        f"out of memory at batch size {doomed.settings.batch_size}",
    )
    assert max(lane.suggester.batch_sizes()) < doomed.settings.batch_size
