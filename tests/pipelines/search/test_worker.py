"""What a worker's process finds in its environment, and what it hears from the coordinator."""

from types import SimpleNamespace

import pytest

from pipelines.job.job import JobKey
from pipelines.search import worker
from pipelines.search.leases import LeaseLostError
from pipelines.search.worker import CoordinatorReporter, worker_environment


def test_cards_are_hidden_from_a_worker_that_asked_for_none():
    """Ray no longer does it."""
    assert worker_environment(0)["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize("gpus", [0.25, 1])
def test_cards_asked_for_are_rays_to_show(gpus: float):
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(gpus)


def test_the_backend_is_the_drivers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert worker_environment(0)["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    assert worker_environment(0)["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(("verdict", "goes_on"), [("go on", True), ("prune", False)])
def test_a_report_is_answered_with_whether_to_go_on(
    verdict: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "call_actor", lambda *question: verdict)
    line = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1")
    assert line.report(JobKey("trial", "unet", 3), 1, 0.5, 10.0) is goes_on


def test_a_worker_that_was_held_for_dead_leaves_its_job(monkeypatch: pytest.MonkeyPatch):
    """Neither pruned nor failed: another worker is at it."""
    monkeypatch.setattr(worker, "call_actor", lambda *question: "leave")
    line = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1")
    with pytest.raises(LeaseLostError, match="unet-trial-003 was given to another worker"):
        line.report(JobKey("trial", "unet", 3), 1, 0.5, 10.0)
