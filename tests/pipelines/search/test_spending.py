"""Every second of a worker is counted once, whichever process is killed, and at whichever step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
import pytest

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.job.spent import Spent
from pipelines.search import coordinator as coordinator_module
from pipelines.search.coordinator import Coordinator
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.trials import TrialStore

from .coordinator_steps import CRASH, end, take
from .spending_steps import Clock


class Killed(BaseException):
    """The coordinator is killed."""


@pytest.fixture
def small(experiment: Experiment, changed: Any) -> Experiment:
    return changed(
        experiment,
        architectures={"pspnet": None, "segnet": None},
        search={"trials": 2},
        finals={"seeds": 1},
        resources={"cpus": 2, "gpus": 0.5},
    )


def seconds(coordinator: Coordinator) -> float:
    return coordinator.spent()["unet"].seconds


def test_attempts_of_a_trial_add_up_with_their_shares_of_cpus_and_gpus(
    small: Experiment, clock: Clock, memory: None
):
    coordinator = Coordinator(small, "s")
    job = take(coordinator)
    clock.now += 10
    assert seconds(coordinator) == 10  # while it runs
    coordinator.release("s/w1", CRASH)
    clock.now += 100  # no worker holds it
    again = take(coordinator)
    assert (again.key, again.spent.seconds) == (job.key, 10)
    clock.now += 5
    end(coordinator, again)
    found = coordinator.spent()["unet"]
    assert found == Spent(seconds=15, cpu_seconds=30, gpu_seconds=7.5, unknown=("CPU", "GPU"))


def test_what_a_worker_has_measured_counts_before_the_coordinators_clock(
    small: Experiment, clock: Clock, memory: None
):
    coordinator = Coordinator(small, "s")
    job = take(coordinator)
    clock.now += 10
    measured = Spent(seconds=9.5, cpu_seconds=19, gpu_seconds=4.75, kwh=0.2)
    coordinator.finish("s/w1", job.key, JobOutcome(value=0.5, spent=measured))
    assert coordinator.spent()["unet"] == measured


def test_a_killed_worker_has_used_energy_as_it_last_measured(
    small: Experiment, clock: Clock, memory: None
):
    """After 10 of 12 seconds it had used 0.5 kWh; the rest is estimated at the same power."""
    coordinator = Coordinator(small, "s")
    job = take(coordinator)
    measured = Spent(seconds=10, cpu_seconds=20, gpu_seconds=5, kwh=0.5)
    coordinator.progress(job.key, 1, 50, "s/w1", measured)
    clock.now += 12
    coordinator.release("s/w1", CRASH)
    found = coordinator.spent()["unet"]
    assert (found.seconds, found.gpu_seconds) == (12, 6)
    assert found.kwh == pytest.approx(0.6)
    assert found.estimated_kwh == pytest.approx(0.1)


def test_a_killed_driver_loses_at_most_the_seconds_after_its_last_heartbeat(
    small: Experiment, clock: Clock, memory: None
):
    """Two jobs run when it is killed, 40 s after they began: at 0 and 35 s its heart beat."""
    first = Coordinator(small, "s")
    jobs = [take(first, "s/w1"), take(first, "s/w2")]
    first.snapshot()
    clock.now += 35
    first.progress(jobs[0].key, 1, 50, "s/w1", Spent(seconds=20, cpu_seconds=40, kwh=0.2))
    first.snapshot()
    clock.now += 5
    first.snapshot()  # too early for another heartbeat
    del first
    clock.now += 3600
    second = Coordinator(small, "t")
    assert seconds(second) == 2 * 35
    assert second.spent()["unet"].kwh == pytest.approx(0.2 * 35 / 20)
    second.snapshot()
    clock.now += 100  # only one job has a worker
    again = take(second, "t/w1")
    assert (again.key, again.spent.seconds) == (jobs[0].key, 35)
    clock.now += 8
    end(second, again, worker="t/w1")
    assert seconds(second) == seconds(Coordinator(small, "u")) == 2 * 35 + 8


def test_a_driver_that_is_killed_before_its_first_heartbeat_has_used_nothing_known(
    small: Experiment, clock: Clock, memory: None
):
    take(Coordinator(small, "s"))
    clock.now += 10
    assert seconds(Coordinator(small, "t")) == 0


def test_finals_of_an_earlier_winner_count_and_those_that_run_again_too(
    small: Experiment, clock: Clock, memory: None, changed: Any
):
    coordinator = Coordinator(small, "s")
    for value in (0.1, 0.2, 0.5):
        job = take(coordinator)
        clock.now += 10
        end(coordinator, job, value)
    assert coordinator.next_job("s/w1") is None
    (lost,) = coordinator.repeat_finals([])
    job = take(coordinator)
    assert (job.key, job.spent.seconds) == (lost, 10)
    clock.now += 3
    end(coordinator, job)
    assert seconds(coordinator) == 33

    longer = changed(small, search={**small.search.model_dump(), "trials": 3})
    coordinator = Coordinator(longer, "t")
    assert seconds(coordinator) == 33
    job = take(coordinator, "t/w1")
    clock.now += 10
    end(coordinator, job, 0.9, worker="t/w1")  # another winner
    assert take(coordinator, "t/w1").key.winner != lost.winner
    clock.now += 10
    assert seconds(coordinator) == 53


def test_jobs_of_earlier_versions_count_with_the_seconds_that_these_have_stored(
    small: Experiment, memory: None
):
    coordinator = Coordinator(small, "s")
    store = coordinator.searches["unet"].trials
    job = take(coordinator)
    store.set_attribute(store.find(job.key.number), "seconds", {"steps": 3.0, "other": 1.0})
    store.tell(job.key.number, 0.5, optuna.trial.TrialState.COMPLETE)
    assert coordinator.spent()["unet"].cpu_seconds == 8


# --- The coordinator is killed before or after any of its changes; Ray repeats the call.


class Killer:
    """Kill the coordinator at a change of the database: `at` numbers them from 0."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.after, self.changes = -1, False, 0
        original = TrialStore._change

        @contextmanager
        def change(store: TrialStore) -> Iterator[None]:
            number, self.changes = self.changes, self.changes + 1
            if number == self.at and not self.after:
                raise Killed
            with original(store):
                yield
            if number == self.at and self.after:
                raise Killed

        monkeypatch.setattr(TrialStore, "_change", change)


class Repeating:
    """A coordinator that is started again when it was killed, in the same session."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.kills = experiment, 0
        self.coordinator = Coordinator(experiment, "s")

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            try:
                return getattr(self.coordinator, name)(*arguments)
            except Killed:
                self.kills += 1
                self.coordinator = Coordinator(self.experiment, "s")
                return getattr(self.coordinator, name)(*arguments)

        return call


def run_with_deaths(coordinator: Any, clock: Clock) -> None:
    """Hold jobs for 2 + 4 + 8 + 16 + 32 seconds; two attempts end with their worker."""
    for held, ends in ((2, "dies"), (4, "ends"), (8, "ends"), (16, "dies"), (32, "ends")):
        job = coordinator.next_job("s/w1")
        assert isinstance(job, Job)
        coordinator.report("s/w1", job.key, 1, 0.1, 1.0)
        clock.now += held
        if ends == "dies":
            coordinator.release("s/w1", CRASH)
        else:
            assert coordinator.finish("s/w1", job.key, JobOutcome(value=0.5))
        clock.now += 1000  # between two jobs
    assert coordinator.next_job("s/w1") is None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_coordinator_that_is_killed_at_any_change_counts_every_second_once(
    small: Experiment, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: bool
):
    killer = Killer(monkeypatch)
    killer.after = after
    kills = 0
    while kills == killer.at + 1:
        killer.at, killer.changes = killer.at + 1, 0
        storage = optuna.storages.InMemoryStorage()
        monkeypatch.setattr(coordinator_module, "open_storage", lambda _, now=storage: now)
        repeating = Repeating(small)
        run_with_deaths(repeating, clock)
        kills += repeating.kills
        assert seconds(Coordinator(small, "s")) == 2 + 4 + 8 + 16 + 32, f"at change {killer.at}"
        assert seconds(Coordinator(small, "t")) == 2 + 4 + 8 + 16 + 32
    assert kills > 20  # then there was no such change
