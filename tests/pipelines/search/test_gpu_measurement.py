"""The cost of finals on a pretended GPU: which are measured, and what that changes in MLflow."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from pipelines.config import Experiment
from pipelines.execution import gpu_cost
from pipelines.execution.gpu_cost import GpuCost
from pipelines.search import gpu_measurement
from pipelines.search.gpu_measurement import measure_on_gpu
from pipelines.search.quiet_latency import busy_finals
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run

METRICS = {
    "latency/gpu_p50_ms": 1.5,
    "latency/gpu_p95_ms": 2.0,
    "throughput/gpu_images_per_second": 900.0,
    "memory/gpu_peak_mb": 640.0,
}


class PretendedRay:
    """Runs a task at once, in this process, and keeps the options that it was given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options: list[dict[str, Any]] = []
        monkeypatch.setattr(ray, "remote", self.remote)
        monkeypatch.setattr(ray, "get", lambda result: result)
        monkeypatch.setattr(gpu_measurement, "open_log", lambda *_: None)

    def remote(self, function: Any) -> Any:
        def options(**given: Any) -> Any:
            self.options.append(given)
            return SimpleNamespace(remote=function)

        return SimpleNamespace(options=options)


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> Any:
    experiment = Experiment.model_validate(
        {"name": tmp_path.name, "storage": tmp_path, "resources": {"gpus": 0.25}}
    )
    return SimpleNamespace(
        tracker=tracker, experiment_id=experiment_id, experiment=experiment, name="study"
    )


def final(context: Any, number: int, tmp_path: Path, name: str = "unet") -> str:
    identity = {
        **{"study": context.experiment.study, "kind": "final", "architecture": name},
        **{"trial": str(number), "winner": "w1"},
    }
    run_id = open_run(context.tracker, context.experiment_id, f"{name}-{number}", identity)
    context.tracker.log_once(run_id, {"latency/p50_ms": 9.0, "latency/load": 0.0}, at=1.0)
    context.tracker.set_tags(run_id, state="complete")
    folder = tmp_path / "checkpoints"
    folder.mkdir(exist_ok=True)
    (folder / "best.keras").touch()
    context.tracker.client.log_artifacts(run_id, str(folder), "checkpoints")
    return run_id


SENDER: Any = SimpleNamespace(drain=lambda timeout: True)


def test_each_final_is_measured_once_with_the_workers_share(
    context: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    pretended, measured = PretendedRay(monkeypatch), []
    runs = [final(context, 0, tmp_path, name) for name in ("unet", "unet.mirrored")]

    def measure(files: list[Path], threads: int, gpus: float, views: int) -> GpuCost:
        assert [file.name for file in files] == ["best.keras"]
        measured.append((threads, gpus, views))
        return GpuCost("H100", METRICS)

    monkeypatch.setattr(gpu_cost, "gpu_cost", measure)
    winners = {"unet": "w1", "unet.mirrored": "w1"}
    messages = measure_on_gpu(context, winners, SENDER)
    assert messages == ["speed and memory of 2 finals measured on the GPU"]
    assert measured == [(1, 0.25, 1), (1, 0.25, 2)]
    (options,) = pretended.options
    assert (options["num_cpus"], options["num_gpus"]) == (1, 0.25)
    environment = options["runtime_env"]["env_vars"]
    assert "CUDA_VISIBLE_DEVICES" not in environment  # Ray sets it
    for run_id in runs:
        run = context.tracker.client.get_run(run_id)
        assert {name: run.data.metrics[name] for name in METRICS} == METRICS
        assert run.data.metrics["latency/p50_ms"] == 9.0  # that of the CPU stays
        assert run.data.tags["faceseg.gpu"] == "H100"
    assert busy_finals(context, winners) == {}
    assert measure_on_gpu(context, winners, SENDER) == []
    assert len(measured) == 2


def test_a_final_that_cannot_be_measured_does_not_stop_the_others(
    context: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    PretendedRay(monkeypatch)
    runs = [final(context, number, tmp_path) for number in range(2)]
    answers = [RuntimeError("measuring failed:\nTraceback\nout of memory"), None]

    def measure(*_: Any) -> GpuCost:
        if error := answers.pop(0):
            raise error
        return GpuCost("H100", METRICS)

    monkeypatch.setattr(gpu_cost, "gpu_cost", measure)
    failed, done = measure_on_gpu(context, {"unet": "w1"}, SENDER)
    assert failed.startswith("speed and memory on the GPU are not measured of run ")
    assert failed.endswith(": out of memory")
    assert done == "speed and memory of 1 finals measured on the GPU"
    found = [context.tracker.client.get_run(run_id).data.metrics for run_id in runs]
    assert sorted("latency/gpu_p50_ms" in metrics for metrics in found) == [False, True]


def test_a_study_without_a_gpu_measures_nothing(context: Any, monkeypatch: pytest.MonkeyPatch):
    pretended = PretendedRay(monkeypatch)
    context.experiment = context.experiment.model_copy(
        update={"resources": context.experiment.resources.model_copy(update={"gpus": 0})}
    )
    assert measure_on_gpu(context, {"unet": "w1"}, SENDER) == []
    assert pretended.options == []


def test_a_training_on_several_gpus_is_measured_on_one(
    context: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    pretended = PretendedRay(monkeypatch)
    final(context, 0, tmp_path)
    context.experiment = context.experiment.model_copy(
        update={"resources": context.experiment.resources.model_copy(update={"gpus": 4})}
    )
    monkeypatch.setattr(gpu_cost, "gpu_cost", lambda *_: GpuCost("H100", METRICS))
    assert measure_on_gpu(context, {"unet": "w1"}, SENDER)
    assert pretended.options[0]["num_gpus"] == 1
