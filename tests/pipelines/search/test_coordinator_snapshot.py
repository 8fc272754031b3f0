"""What a coordinator tells the driver about the jobs: progress and the time left."""

from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.search.coordinator import Coordinator
from pipelines.search.job_outcome import JobOutcome

from .coordinator_steps import CRASH, end, take


def test_a_job_to_fail_is_in_the_snapshot_until_it_has_failed(experiment: Experiment, changed: Any):
    alone = changed(experiment, architectures={"pspnet": None, "segnet": None})
    coordinator = Coordinator(alone, "s")
    job = take(coordinator)
    for follows in ("is retried", "is retried", "has failed"):
        assert coordinator.release("s/w1", CRASH) == f"{job.key.label} {follows}"
        following = take(coordinator)
    assert following.key != job.key
    ((job_to_fail, reason),) = coordinator.snapshot().jobs_to_fail
    assert job_to_fail.key == job.key
    for _ in range(2):
        coordinator.fail_job(job_to_fail.key, reason)
    assert coordinator.snapshot().jobs_to_fail == []
    assert coordinator.snapshot().counts["unet"] == {"fail": 1, "running": 1}


def test_the_snapshot_contains_the_progress_of_running_jobs(coordinator: Coordinator):
    job = take(coordinator)
    coordinator.progress(job.key, 1, 40)
    coordinator.report("s/w1", job.key, 1, 0.25, 120.0)
    coordinator.progress(job.key, 2, 10)
    snapshot = coordinator.snapshot()
    (running,) = snapshot.running
    assert (running.label, running.worker, running.epochs) == ("unet-trial-000", "s/w1", 6)
    assert (running.epoch, running.percent, running.iou) == (2, 10, 0.25)
    assert running.images_per_second == 120.0
    assert snapshot.epochs_done == 1
    end(coordinator, job, 0.3)
    assert coordinator.snapshot().running == []
    assert coordinator.snapshot().best == {"unet": 0.3, "pspnet": None, "segnet": None}


def test_the_time_left_is_unknown_until_something_was_measured(
    experiment: Experiment, coordinator: Coordinator
):
    """Afterwards also in a coordinator that was restarted: the seconds are in the database."""
    job = take(coordinator)
    assert coordinator.snapshot().seconds_left is None
    seconds = {"imports": 5.0, "compiling": 10.0, "steps": 12.0, "artifacts": 1.0}
    coordinator.finish("s/w1", job.key, JobOutcome(value=0.5, seconds=seconds))
    assert coordinator.snapshot().seconds_left is None  # it has reported no epoch
    job = take(coordinator)
    for epoch in range(1, 7):
        coordinator.report("s/w1", job.key, epoch, 0.1, 100.0)
    coordinator.finish("s/w1", job.key, JobOutcome(value=0.5, seconds=seconds))
    # Of 9 trials, 7 are left, with 6 epochs of 2 s and 1 s for files each. Two networks are to be
    # compiled. 6 finals have 9 epochs; measuring takes 1.5, and the report 2 times the imports.
    expected = 7 * 13 + 2 * 10 + 6 * (9 * 2 + 1 + 7.5) + 10
    for each in (coordinator, Coordinator(experiment, "s")):
        assert each.snapshot().seconds_left == pytest.approx(expected)


def test_a_resumed_study_counts_the_finished_epochs(
    experiment: Experiment, coordinator: Coordinator
):
    for _ in range(2):
        end(coordinator, take(coordinator))
    assert coordinator.snapshot().epochs_done == 2 * 6
    assert Coordinator(experiment, "s").snapshot().epochs_done == 2 * 6


def test_progress_of_an_ended_job_is_ignored(coordinator: Coordinator):
    job = take(coordinator)
    end(coordinator, job)
    coordinator.progress(job.key, 5, 50)
    assert coordinator.report("s/w1", job.key, 5, 0.9, 10.0) == "lease lost"
    assert coordinator.snapshot().running == []
