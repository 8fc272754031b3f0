"""Which worker holds a job, what its death changes, and when the job is failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import optuna
import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.failure_policy import POLICY, Decision, Ruling
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import Lease
from pipelines.search.worker_death import WorkerDeath

from .steps import next_job, take

FIRST, SECOND = "s/worker-1", "s/worker-2"
CRASH = WorkerDeath(description="its process ended")
RETRIED = Ruling(Decision.RETRY, CRASH.description)
REASON = f"failed 3 times in a row before an epoch was done: {CRASH.description}"


@pytest.fixture
def search(experiment: Experiment, open_search: Any) -> ArchitectureSearch:
    opened: ArchitectureSearch = open_search(experiment, session="s")
    return opened


def lease_of(search: ArchitectureSearch, job: Job) -> Lease:
    return Lease.of(search.trials.find(job.key.number))


def test_a_lease_changes_in_one_step():
    """If the process is killed, the database contains the lease before or after the change."""
    lease = Lease().assigned(FIRST, epochs=0)
    assert (lease.worker, lease.attempt, lease.deaths) == (FIRST, 1, 0)
    assert lease.as_attribute().keys() == set(Lease.__dataclass_fields__)
    assert (lease.is_held_in("s"), lease.is_held_in("ss"), Lease().is_held_in("s")) == (
        True,
        False,
        False,
    )


# Each death as (epochs finished by then, whether it is a fault), and the deaths in a row after it.
@pytest.mark.parametrize(
    ("deaths", "counts"),
    [
        ([(0, True), (0, True), (0, True)], [1, 2, 3]),
        ([(1, True), (2, True), (3, True), (4, True)], [0, 0, 0, 0]),
        ([(2, True), (2, True), (2, True), (2, True)], [0, 1, 2, 3]),
        ([(0, True), (0, True), (1, True), (1, True)], [1, 2, 0, 1]),
        ([(0, False)] * 5, [0] * 5),
        ([(0, True), (0, False), (0, True), (0, False), (0, True)], [1, 1, 2, 2, 3]),
    ],
)
def test_deaths_are_counted_since_the_last_finished_epoch(
    deaths: list[tuple[int, bool]], counts: list[int]
):
    lease, epochs, counted = Lease(), 0, []
    for finished, is_fault in deaths:
        lease = lease.assigned(FIRST, epochs).after_death(finished, is_fault=is_fault)
        epochs = finished
        counted.append(lease.deaths)
    assert counted == counts
    assert lease.attempt == len(deaths)


def test_a_worker_holds_the_job_that_it_was_assigned(search: ArchitectureSearch):
    job = take(search)
    assert search.job_of(FIRST) == job
    assert search.job_of(SECOND) is None
    assert search.finish_by(FIRST, job.key, JobOutcome(value=0.5))
    assert search.job_of(FIRST) is None


def test_a_worker_without_the_lease_is_stopped_and_ends_nothing(search: ArchitectureSearch):
    """It could not be reached, was considered dead, and comes back."""
    job = take(search)
    search.release(FIRST, CRASH)
    again = take(search, SECOND)
    assert (again.key, again.attempt) == (job.key, 2)
    assert search.report(FIRST, job.key, 1, 0.9) == "lease lost"
    assert not search.finish_by(FIRST, job.key, JobOutcome(value=0.9))
    assert search.report(SECOND, job.key, 1, 0.1) == "continue"
    assert search.trials.find(0).intermediate_values == {1: 0.1}
    assert search.finish_by(SECOND, job.key, JobOutcome(value=0.1))
    assert search.trials.find(0).value == 0.1


def test_calls_made_twice_change_nothing_the_second_time(search: ArchitectureSearch):
    """Ray repeats the calls that were running when the coordinator died."""
    job = take(search)
    for _ in range(2):
        assert search.report(FIRST, job.key, 1, 0.2) == "continue"
    for _ in range(2):
        assert search.finish_by(FIRST, job.key, JobOutcome(value=0.2))
    assert search.report(FIRST, job.key, 2, 0.2) == "lease lost"
    second = take(search)
    assert search.release(FIRST, CRASH) == (second.key, RETRIED)
    assert search.release(FIRST, CRASH) is None
    assert lease_of(search, second).deaths == 1


def test_a_coordinator_of_the_same_session_leaves_jobs_with_their_workers(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    job = take(search)
    again = open_search(experiment, session="s")
    assert again.job_of(FIRST) == job
    assert take(again, SECOND).key != job.key
    assert again.report(FIRST, job.key, 1, 0.4) == "continue"
    assert [each.key.number for each, _ in again.running_jobs()] == [0, 1]


def test_jobs_of_a_dead_driver_are_assigned_again_without_counting_a_death(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    job = take(search)
    for attempt in range(2, 7):
        search = open_search(experiment)
        again = take(search, f"{search.session}/worker-1")
        assert (again.key, again.attempt) == (job.key, attempt)
    assert lease_of(search, job).deaths == 0
    assert not search.jobs_to_fail()


def test_a_job_that_kills_its_workers_without_progress_is_failed(search: ArchitectureSearch):
    job = take(search)
    for attempt in (2, 3):
        search.release(FIRST, CRASH)
        assert take(search).attempt == attempt
    search.release(FIRST, CRASH)
    assert take(search, SECOND).key.number == 1  # and the search continues
    assert search.jobs_to_fail() == [(replace(job, attempt=3), REASON)]
    search.end(job.key, JobOutcome(value=None, reason=REASON))
    assert not search.jobs_to_fail()
    assert search.trials.count() == {"fail": 1, "running": 1}
    assert search.failure_reasons() == [REASON]


def test_a_job_to_fail_is_left_to_the_next_driver(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    job = take(search)
    for _ in range(POLICY.max_deaths):
        search.release(FIRST, CRASH)
        following = take(search)
    assert following.key.number == 1
    ((job_to_fail, reason),) = open_search(experiment).jobs_to_fail()
    assert (job_to_fail.key, reason) == (job.key, REASON)


def test_a_job_that_makes_progress_is_never_failed(search: ArchitectureSearch):
    """Five workers die with it; each has finished an epoch."""
    job = take(search)
    for epoch in range(1, 6):
        assert search.report(FIRST, job.key, epoch, 0.1 * epoch) == "continue"
        search.release(FIRST, CRASH)
        again = take(search)
        assert (again.key, again.attempt) == (job.key, epoch + 1)
    assert not search.jobs_to_fail()


def test_running_finals_stay_with_their_workers_too(
    search: ArchitectureSearch, experiment: Experiment, open_search: Any
):
    for _ in range(3):
        search.finish_by(FIRST, take(search).key, JobOutcome(value=0.5))
    final = take(search)
    again = open_search(experiment, session="s")
    assert again.job_of(FIRST) == final
    assert again.release(FIRST, CRASH) == (final.key, RETRIED)
    assert take(again, SECOND).key == final.key


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_partly_suggested_trial_is_completed_with_the_same_parameters(
    dies_at: int,
    experiment: Experiment,
    open_search: Any,
    second_storage: Any,
    die_while_suggesting: Any,
):
    """The process dies before a trial's first parameter, between two, or after the last."""
    search, other = open_search(experiment), open_search(second_storage(experiment))
    for each in (search, other):
        for value in (0.2, 0.4):
            job = take(each, "w")
            each.end(job.key, JobOutcome(value=value))
    undisturbed = take(other)
    with die_while_suggesting(dies_at), pytest.raises(KeyboardInterrupt):
        next_job(search, "w")
    assert len(search.trials.study.trials[2].params) == dies_at
    again = take(open_search(experiment))
    assert (again.key, again.attempt) == (undisturbed.key, 1)
    assert again.settings == undisturbed.settings


@pytest.fixture
def die_while_suggesting(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Interrupt the process when it has stored a number of parameters of a trial."""
    original = optuna.storages._CachedStorage.set_trial_param

    @contextmanager
    def patched(after: int) -> Iterator[None]:
        stored: list[str] = []

        def store(self: Any, trial: int, name: str, *rest: Any) -> None:
            if len(stored) == after:
                raise KeyboardInterrupt
            stored.append(name)
            original(self, trial, name, *rest)

        def interrupt(*arguments: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(optuna.storages._CachedStorage, "set_trial_param", store)
            patch.setattr(ArchitectureSearch, "_assign", interrupt)
            yield

    return patched
