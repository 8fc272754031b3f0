"""The environment of a worker's process, and its reports to the coordinator."""

from types import SimpleNamespace

import pytest

from pipelines.job.job import JobKey
from pipelines.search import worker
from pipelines.search.leases import LeaseLostError
from pipelines.search.worker import CoordinatorReporter, worker_environment


def test_gpus_are_hidden_from_a_worker_that_requests_none():
    """Ray does not hide them."""
    assert worker_environment(0)["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize("gpus", [0.25, 1])
def test_ray_shows_a_worker_the_gpus_that_it_requests(gpus: float):
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(gpus)


def test_the_backend_is_the_drivers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert worker_environment(0)["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    assert worker_environment(0)["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(("directive", "continues"), [("continue", True), ("prune", False)])
def test_a_report_returns_whether_to_continue(
    directive: str, continues: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "call_actor", lambda *arguments: directive)
    reporter = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1")
    assert (
        reporter.report(JobKey(kind="trial", architecture="unet", number=3), 1, 0.5, 10.0)
        is continues
    )


def test_a_worker_that_lost_its_lease_leaves_its_job(monkeypatch: pytest.MonkeyPatch):
    """The job is neither pruned nor failed: another worker runs it."""
    monkeypatch.setattr(worker, "call_actor", lambda *arguments: "lease lost")
    reporter = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1")
    with pytest.raises(LeaseLostError, match="unet-trial-003 was assigned to another worker"):
        reporter.report(JobKey(kind="trial", architecture="unet", number=3), 1, 0.5, 10.0)
