"""The environment of a worker's process, and its reports to the coordinator."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faceseg.backends.autotuning import FOLDER_FLAG
from faceseg.training.settings import TrainingSettings
from faceseg.training.stopwatch import Stopwatch
from pipelines.job.job import Job, JobKey, JobKind
from pipelines.job.spent import Spent
from pipelines.search import worker
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import LeaseLostError
from pipelines.search.worker import CoordinatorReporter, Worker, WorkerExit, worker_environment

SPENT = Spent(seconds=2, kwh=0.1)
METER: Any = SimpleNamespace(stop=lambda: SPENT, last=lambda: SPENT)


def test_gpus_are_hidden_from_a_worker_that_requests_none():
    """Ray does not hide them."""
    assert worker_environment(0)["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize("gpus", [0.25, 1])
def test_ray_shows_a_worker_the_gpus_that_it_requests(gpus: float):
    environment = worker_environment(gpus)
    assert "CUDA_VISIBLE_DEVICES" not in environment
    # Ray's indices are the driver's; by default CUDA counts the fastest GPU first.
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_the_backend_is_the_drivers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert worker_environment(0)["KERAS_BACKEND"] == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    assert worker_environment(0)["KERAS_BACKEND"] == "tensorflow"


@pytest.mark.parametrize(
    ("gpus", "backend", "shared"),
    [(0, "tensorflow", False), (0.25, "tensorflow", True), (1, "jax", False)],
)
def test_workers_share_the_kernels_that_xla_chose_on_tensorflow_with_a_gpu(
    gpus: float, backend: str, shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """JAX sets such a folder itself."""

    class Configured(Exception):  # noqa: N818  # ends `make_runner` there
        pass

    def configure(threads: int, gpus: float) -> None:
        raise Configured

    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("XLA_FLAGS", "--the_users=1")
    monkeypatch.setattr("faceseg.backends.device.configure_device", configure)
    resources = SimpleNamespace(threads=1, gpus=gpus)
    experiment = SimpleNamespace(resources=resources, storage=tmp_path)
    configured: Any = object.__new__(Worker)
    configured.context = SimpleNamespace(experiment=experiment)
    with pytest.raises(Configured):
        configured.make_runner()
    folder = f'{FOLDER_FLAG}="{tmp_path}/compiled/autotuning" ' if shared else ""
    assert os.environ["XLA_FLAGS"] == f"{folder}--the_users=1"


@pytest.mark.parametrize(("directive", "continues"), [("continue", True), ("prune", False)])
def test_a_report_returns_whether_to_continue(
    directive: str, continues: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(worker, "call_actor", lambda *arguments: directive)
    reporter = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1", METER)
    assert (
        reporter.report(JobKey(kind="trial", architecture="unet", number=3), 1, 0.5, 10.0)
        is continues
    )


def test_progress_contains_what_the_worker_has_measured():
    """A worker that is killed then has used that."""
    calls: list[Any] = []
    progress = SimpleNamespace(remote=lambda *arguments: calls.append(arguments))
    key = JobKey(kind="trial", architecture="unet", number=3)
    reporter = CoordinatorReporter(SimpleNamespace(progress=progress), "s/worker-1", METER)
    reporter.progress(key, 2, 40, 0.1)
    assert calls == [(key, 2, 40, "s/worker-1", SPENT)]


def test_a_worker_that_lost_its_lease_leaves_its_job(monkeypatch: pytest.MonkeyPatch):
    """The job is neither pruned nor failed: another worker runs it."""
    monkeypatch.setattr(worker, "call_actor", lambda *arguments: "lease lost")
    reporter = CoordinatorReporter(SimpleNamespace(report=None), "s/worker-1", METER)
    with pytest.raises(LeaseLostError, match="unet-trial-003 was assigned to another worker"):
        reporter.report(JobKey(kind="trial", architecture="unet", number=3), 1, 0.5, 10.0)


class FailingRunner:
    """A runner whose jobs raise; it notes what is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def run(self, job: Job, reporter: Any) -> Any:
        raise RuntimeError("measuring failed")

    def record_failure(self, job: Job, reason: str, details: str) -> None:
        self.calls.append(f"recorded {reason}, {details.splitlines()[0]}")

    def remove_checkpoints(self, job: Job) -> None:
        self.calls.append("removed checkpoints")


@pytest.mark.parametrize("kind", ["trial", "final"])
def test_a_final_that_raises_an_error_keeps_its_lease_and_its_checkpoints(
    kind: JobKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The pool frees it, and another worker tries it again; a trial ends as failed."""
    outcomes: list[JobOutcome] = []
    monkeypatch.setattr(worker, "call_actor", lambda *call: outcomes.append(call[-1]) or True)
    failing: Any = object.__new__(Worker)
    failing.name, failing.runner, failing.clock = "s/worker-1", FailingRunner(), Stopwatch()
    failing.context = SimpleNamespace(experiment=SimpleNamespace(storage=tmp_path))
    failing.meter = METER
    key = JobKey(kind=kind, architecture="unet", number=1)
    job = Job(key=key, study="s", seed=1, attempt=1, settings=TrainingSettings(epochs=1))
    reason = "RuntimeError: measuring failed"
    ended = failing._run(job, SimpleNamespace(finish=None))
    recorded = f"recorded {reason}, Traceback (most recent call last):"
    if kind == "final":
        assert ended == WorkerExit("failed", reason)
        assert failing.runner.calls == [recorded]
        assert outcomes == []
    else:
        assert ended == WorkerExit("failed", f"unet-trial-001: {reason}")
        assert failing.runner.calls == [recorded, "removed checkpoints"]
        assert outcomes == [JobOutcome(value=None, reason=reason, spent=SPENT)]
