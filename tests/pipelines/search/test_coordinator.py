"""Which worker gets which job: a coordinator as a plain object on a real database."""

from collections import Counter
from typing import Any

from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search.coordinator import WAIT, Coordinator
from pipelines.search.job_outcome import JobOutcome

from .coordinator_steps import CRASH, end, finish, take

ARCHITECTURES = ("unet", "pspnet", "segnet")


def test_one_worker_does_every_job_once(coordinator: Coordinator):
    keys = finish(coordinator)
    assert len(keys) == len(set(keys)) == 3 * (3 + 2)
    assert Counter((key.architecture, key.kind) for key in keys) == {
        **{(name, "trial"): 3 for name in ARCHITECTURES},
        **{(name, "final"): 2 for name in ARCHITECTURES},
    }
    assert coordinator.next_job("s/w1") is None


def test_the_lowest_used_budget_comes_first(coordinator: Coordinator):
    """No architecture is ever two trials ahead of another."""
    started: Counter[str] = Counter(dict.fromkeys(ARCHITECTURES, 0))
    for _ in range(9):
        job = take(coordinator)
        started[job.key.architecture] += 1
        assert max(started.values()) - min(started.values()) <= 1
        end(coordinator, job)


def test_a_failed_trial_counts_in_its_architectures_budget(coordinator: Coordinator):
    trials = []
    for _ in range(9):
        job = take(coordinator)
        failed = job.key.architecture == "pspnet" and job.key.number < 2
        end(coordinator, job, None if failed else 0.5)
        trials.append(job.key)
    assert Counter(key.architecture for key in trials) == dict.fromkeys(ARCHITECTURES, 3)
    assert coordinator.snapshot().counts["pspnet"] == {"fail": 2, "complete": 1}
    assert coordinator.failure_reasons() == {"unet": [], "pspnet": ["broken"], "segnet": []}


def test_workers_wait_while_others_may_still_fail_and_stop_at_the_end(
    experiment: Experiment, changed: Any
):
    coordinator = Coordinator(
        changed(experiment, architectures={"pspnet": None, "segnet": None}), "s"
    )
    jobs = {worker: take(coordinator, worker) for worker in ("s/w1", "s/w2", "s/w3")}
    assert coordinator.next_job("s/w4") == WAIT
    for worker, job in jobs.items():
        end(coordinator, job, worker=worker)
    finals = {worker: take(coordinator, worker) for worker in ("s/w1", "s/w2")}
    assert coordinator.next_job("s/w3") == WAIT
    end(coordinator, finals["s/w1"], worker="s/w1")
    assert coordinator.next_job("s/w1") == WAIT
    assert coordinator.release("s/w2", CRASH) == "unet-final-001 is retried"
    again = take(coordinator, "s/w3")
    assert (again.key, again.attempt) == (finals["s/w2"].key, 2)
    end(coordinator, again, worker="s/w3")
    assert [coordinator.next_job(worker) for worker in ("s/w1", "s/w3")] == [None, None]


def test_the_job_of_a_dead_worker_goes_to_the_next_worker(coordinator: Coordinator):
    job = take(coordinator, "s/w1")
    assert coordinator.release("s/w1", CRASH) == "unet-trial-000 is retried"
    assert coordinator.release("s/w1", CRASH) == ""
    assert coordinator.release("unknown", CRASH) == ""
    again = [take(coordinator, worker) for worker in ("s/w2", "s/w3", "s/w4")]
    assert [each.attempt for each in again if each.key == job.key] == [2]


def test_a_repeated_call_returns_the_same_job(coordinator: Coordinator):
    """The coordinator may die between the first call and its result."""
    assert take(coordinator) == take(coordinator)
    assert [each.worker for each in coordinator.snapshot().running] == ["s/w1"]


def test_a_restarted_coordinator_continues(experiment: Experiment, coordinator: Coordinator):
    """It is restarted between any two calls."""
    keys = []
    for _ in range(15):
        job = take(Coordinator(experiment, "s"))
        assert take(Coordinator(experiment, "s")) == job
        assert Coordinator(experiment, "s").report("s/w1", job.key, 1, 0.5, 9.0) == "continue"
        assert Coordinator(experiment, "s").finish("s/w1", job.key, JobOutcome(value=0.5))
        keys.append(job.key)
    assert len(set(keys)) == 15
    assert coordinator.next_job("s/w1") is None
    assert coordinator.snapshot().counts == {name: {"complete": 3} for name in ARCHITECTURES}


def test_another_drivers_coordinator_keeps_the_budget(
    experiment: Experiment, coordinator: Coordinator
):
    """The first one dies with two trials done and two running."""
    for _ in range(2):
        end(coordinator, take(coordinator))
    running = [take(coordinator, "s/w1").key, take(coordinator, "s/w2").key]
    second = Coordinator(experiment, "t")
    keys = finish(second)
    assert set(running) <= set(keys)
    assert Counter((key.architecture, key.kind) for key in keys)["unet", "final"] == 2
    snapshot = second.snapshot()
    assert snapshot.counts == {name: {"complete": 3} for name in ARCHITECTURES}
    assert snapshot.finals == dict.fromkeys(ARCHITECTURES, 2)
    assert Coordinator(experiment, "u").next_job("u/w1") is None


def test_winners_are_identified_by_a_digest_of_their_settings(coordinator: Coordinator):
    finish(coordinator)
    winners = coordinator.winners()
    assert winners.keys() == set(ARCHITECTURES)
    assert all(len(digest) == 8 for digest in winners.values())


def test_an_architecture_without_a_completed_trial_has_no_winner(coordinator: Coordinator):
    for _ in range(9):
        job = take(coordinator)
        end(coordinator, job, None if job.key.architecture == "segnet" else 0.5)
    assert coordinator.winners()["segnet"] == ""
    assert coordinator.winners()["unet"] != ""


def test_a_worker_stays_with_its_compiled_network_within_a_limit(
    experiment: Experiment, changed: Any
):
    longer = changed(experiment, search={**experiment.search.model_dump(), "trials": 9})
    coordinator = Coordinator(longer, "s")
    taken: list[str] = []
    for _ in range(6):
        job = coordinator.next_job("s/w1", taken[:1])
        assert isinstance(job, Job)
        end(coordinator, job)
        taken.append(job.key.architecture)
    assert taken == ["unet", "unet", "unet", "unet", "pspnet", "segnet"]
    following = coordinator.next_job("s/w1", ["unet"])  # the others have caught up by one
    assert isinstance(following, Job)
    assert following.key.architecture == "unet"


def test_a_search_without_a_worker_comes_first_then_finals_then_other_searches(
    coordinator: Coordinator,
):
    take(coordinator, "s/w1")  # and runs it all the time
    taken: list[tuple[str, str]] = []
    for _ in range(11):
        job = coordinator.next_job("s/w2", {name for name, _ in taken})
        assert isinstance(job, Job)
        end(coordinator, job, worker="s/w2")
        taken.append((job.key.architecture, job.key.kind))
    assert taken[:3] == [("pspnet", "trial")] * 3
    assert taken[3:6] == [("segnet", "trial")] * 3
    assert sorted(taken[6:10]) == [("pspnet", "final")] * 2 + [("segnet", "final")] * 2
    assert taken[10] == ("unet", "trial")


def test_a_final_that_mlflow_has_lost_runs_again_under_its_number(coordinator: Coordinator):
    keys = finish(coordinator)
    winners = coordinator.winners()
    finals = {key for key in keys if key.kind == "final"}
    assert coordinator.repeat_finals(finals) == []
    (lost,) = (key for key in finals if (key.architecture, key.number) == ("segnet", 1))

    assert coordinator.repeat_finals(finals - {lost}) == [lost]

    assert coordinator.repeat_finals(finals - {lost}) == []  # it runs now
    assert coordinator.snapshot().finals == {"unet": 2, "pspnet": 2, "segnet": 1}
    job = take(coordinator)
    assert (job.key, job.recorded, job.attempt) == (lost, 0.2, 2)
    assert coordinator.report("s/w1", job.key, 1, 0.15, 1.0) == "continue"
    end(coordinator, job, 0.2)
    assert coordinator.next_job("s/w1") is None
    assert coordinator.snapshot().finals == dict.fromkeys(ARCHITECTURES, 2)
    assert coordinator.winners() == winners
