"""Who holds a job, what its worker's death means, and when it is given up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import optuna
import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.failure_policy import MAX_DEATHS
from pipelines.search.leases import Lease
from pipelines.search.trials import JobOutcome

FIRST, SECOND = "s/worker-1", "s/worker-2"
GIVEN_UP = "its worker died 3 times in a row before an epoch was done"


@pytest.fixture
def lane(experiment: Experiment, open_lane: Any) -> ArchitectureSearch:
    opened: ArchitectureSearch = open_lane(experiment, session="s")
    return opened


def take(lane: ArchitectureSearch, worker: str = FIRST) -> Job:
    job = lane.next(worker)
    assert job is not None
    return job


def lease_of(lane: ArchitectureSearch, job: Job) -> Lease:
    return Lease.of(lane.search.find(job.key.number))


def test_a_lease_changes_in_one_step():
    """Killed at any moment, the database holds the lease before or the lease after."""
    lease = Lease().assigned(FIRST, epochs=0)
    assert (lease.worker, lease.attempt, lease.deaths) == (FIRST, 1, 0)
    assert lease.as_attribute().keys() == set(Lease.__dataclass_fields__)
    assert (lease.is_held_in("s"), lease.is_held_in("ss"), Lease().is_held_in("s")) == (
        True,
        False,
        False,
    )


# Each death as (epochs finished by then, is it a fault): the count of deaths in a row after it.
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
        lease = lease.taken(FIRST, epochs).lost(finished, is_fault=is_fault)
        epochs = finished
        counted.append(lease.deaths)
        assert bool(lease.doomed) == (lease.deaths >= MAX_DEATHS)
    assert counted == counts
    assert lease.attempt == len(deaths)


def test_a_worker_holds_what_it_was_given(lane: ArchitectureSearch):
    job = take(lane)
    assert lane.job_of(FIRST) == job
    assert lane.job_of(SECOND) is None
    assert lane.finish_by(FIRST, job.key, JobOutcome(0.5))
    assert lane.job_of(FIRST) is None


def test_a_worker_without_the_lease_must_leave_and_ends_nothing(lane: ArchitectureSearch):
    """It could not be reached, was held for dead, and comes back."""
    job = take(lane)
    lane.release(FIRST, is_fault=True)
    again = take(lane, SECOND)
    assert (again.key, again.attempt) == (job.key, 2)
    assert lane.report(FIRST, job.key, 1, 0.9) == "leave"
    assert not lane.finish_by(FIRST, job.key, JobOutcome(0.9))
    assert lane.report(SECOND, job.key, 1, 0.1) == "go on"
    assert lane.search.find(0).intermediate_values == {1: 0.1}
    assert lane.finish_by(SECOND, job.key, JobOutcome(0.1))
    assert lane.search.find(0).value == 0.1


def test_calls_made_twice_change_nothing_the_second_time(lane: ArchitectureSearch):
    """Ray calls again what it had called when the coordinator died."""
    job = take(lane)
    for _ in range(2):
        assert lane.report(FIRST, job.key, 1, 0.2) == "go on"
    for _ in range(2):
        assert lane.finish_by(FIRST, job.key, JobOutcome(0.2))
    assert lane.report(FIRST, job.key, 2, 0.2) == "leave"
    second = take(lane)
    assert lane.release(FIRST, is_fault=True) == second.key
    assert lane.release(FIRST, is_fault=True) is None
    assert lease_of(lane, second).deaths == 1


def test_a_coordinator_of_the_same_session_leaves_jobs_with_their_workers(
    lane: ArchitectureSearch, experiment: Experiment, open_lane: Any
):
    job = take(lane)
    again = open_lane(experiment, session="s")
    assert again.held(FIRST) == job
    assert take(again, SECOND).key != job.key
    assert again.report(FIRST, job.key, 1, 0.4) == "go on"
    assert [each.key.number for each, _ in again.running_jobs()] == [0, 1]


def test_jobs_of_a_driver_that_is_gone_are_handed_out_and_not_blamed(
    lane: ArchitectureSearch, experiment: Experiment, open_lane: Any
):
    job = take(lane)
    for attempt in range(2, 7):
        lane = open_lane(experiment)
        again = take(lane, f"{lane.session}/worker-1")
        assert (again.key, again.attempt) == (job.key, attempt)
    assert lease_of(lane, job).deaths == 0
    assert not lane.jobs_to_fail()


def test_a_job_that_kills_its_workers_without_progress_is_given_up(lane: ArchitectureSearch):
    job = take(lane)
    for attempt in (2, 3):
        lane.release(FIRST, is_fault=True)
        assert take(lane).attempt == attempt
    lane.release(FIRST, is_fault=True)
    assert take(lane, SECOND).key.number == 1  # and the search goes on
    assert lane.jobs_to_fail() == [(replace(job, attempt=3), GIVEN_UP)]
    lane.end(job.key, JobOutcome(None, reason=GIVEN_UP))
    assert not lane.jobs_to_fail()
    assert lane.search.count() == {"fail": 1, "running": 1}
    assert lane.failure_reasons() == [GIVEN_UP]


def test_a_doomed_job_that_was_not_ended_is_left_to_the_next_driver(
    lane: ArchitectureSearch, experiment: Experiment, open_lane: Any
):
    job = take(lane)
    for _ in range(MAX_DEATHS):
        lane.release(FIRST, is_fault=True)
        following = lane.next(FIRST)
    assert following.key.number == 1
    ((doomed, reason),) = open_lane(experiment).doomed()
    assert (doomed.key, reason) == (job.key, GIVEN_UP)


def test_a_job_that_makes_progress_is_never_given_up(lane: ArchitectureSearch):
    """Five machines die under it; each has finished an epoch."""
    job = take(lane)
    for epoch in range(1, 6):
        assert lane.report(FIRST, job.key, epoch, 0.1 * epoch) == "go on"
        lane.release(FIRST, is_fault=True)
        again = take(lane)
        assert (again.key, again.attempt) == (job.key, epoch + 1)
    assert not lane.jobs_to_fail()


def test_running_finals_stay_with_their_workers_too(
    lane: ArchitectureSearch, experiment: Experiment, open_lane: Any
):
    for _ in range(3):
        lane.finish_by(FIRST, take(lane).key, JobOutcome(0.5))
    final = take(lane)
    again = open_lane(experiment, session="s")
    assert again.held(FIRST) == final
    assert again.release(FIRST, is_fault=True) == final.key
    assert take(again, SECOND).key == final.key


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_trial_half_asked_for_gets_the_settings_it_would_have_had(
    dies_at: int, experiment: Experiment, open_lane: Any, second_storage: Any, die_asking: Any
):
    """The process dies before the first setting of one trial, between two, or behind the last."""
    lane, other = open_lane(experiment), open_lane(second_storage(experiment))
    for each in (lane, other):
        for value in (0.2, 0.4):
            job = take(each, "w")
            each.end(job.key, JobOutcome(value))
    undisturbed = take(other)
    with die_asking(dies_at), pytest.raises(KeyboardInterrupt):
        lane.next("w")
    assert len(lane.search.study.trials[2].params) == dies_at
    again = take(open_lane(experiment))
    assert (again.key, again.attempt) == (undisturbed.key, 1)
    assert again.settings == undisturbed.settings


@pytest.fixture
def die_asking(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Interrupt the process when it has stored so many settings of a trial."""
    really_store = optuna.storages._CachedStorage.set_trial_param

    @contextmanager
    def patched(after: int) -> Iterator[None]:
        stored: list[str] = []

        def store(self: Any, trial: int, name: str, *rest: Any) -> None:
            if len(stored) == after:
                raise KeyboardInterrupt
            stored.append(name)
            really_store(self, trial, name, *rest)

        def interrupt(*arguments: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(optuna.storages._CachedStorage, "set_trial_param", store)
            patch.setattr(ArchitectureSearch, "_assign", interrupt)
            yield

    return patched
