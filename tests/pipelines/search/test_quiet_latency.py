"""Which finals are measured again, and what that changes in MLflow; no network is loaded."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.config import Experiment
from pipelines.execution import cost
from pipelines.search.quiet_latency import busy_finals, measure_run
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> Any:
    experiment = Experiment.model_validate({"name": tmp_path.name, "storage": tmp_path})
    return SimpleNamespace(tracker=tracker, experiment_id=experiment_id, experiment=experiment)


def final(context: Any, name: str, number: int, load: float | None, **params: str) -> str:
    identity = {
        **{"study": context.experiment.study, "kind": "final", "architecture": name},
        **{"trial": str(number), "winner": "w1"},
    }
    run_id = open_run(context.tracker, context.experiment_id, f"{name}-{number}", identity)
    values = {"latency/p50_ms": 9.0} | ({} if load is None else {"latency/load": load})
    context.tracker.log_once(run_id, values, at=1.0)
    context.tracker.log_params(run_id, {"members": params} if params else {})
    context.tracker.set_tags(run_id, state="complete", host="trainer")
    return run_id


def test_finals_of_busy_machines_are_measured_again(context: Any):
    quiet, busy = final(context, "unet", 0, 0.1), final(context, "unet", 1, 1.0)
    unknown = final(context, "segnet", 0, None)
    both = final(context, "ensemble", 0, 2.0, unet=quiet, segnet=unknown)
    winners = {"unet": "w1", "segnet": "w1", "pspnet": "w1", "ensemble": "w1"}
    found = busy_finals(context, winners)
    assert found.keys() == {busy, unknown, both}
    assert found[busy] == [busy]
    assert sorted(found[both]) == sorted([quiet, unknown])
    assert busy_finals(context, {"unet": "w2"}) == {}


def test_the_later_measurement_counts(
    context: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    run_id = final(context, "unet", 0, 1.0)
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "best.keras").touch()
    context.tracker.client.log_artifacts(run_id, str(tmp_path / "checkpoints"), "checkpoints")
    monkeypatch.setattr("faceseg.inference.ensemble.load", lambda file: file)
    measured = {"latency/p50_ms": 4.0, "latency/load": 0.0}
    monkeypatch.setattr(cost, "measure_speed", lambda *_: measured)
    assert measure_run(context, run_id, [run_id], 1) == 0.0
    points = context.tracker.client.get_metric_history(run_id, "latency/p50_ms")
    assert sorted((each.step, each.value) for each in points) == [(0, 9.0), (1, 4.0)]
    run = context.tracker.client.get_run(run_id)
    assert {name: run.data.metrics[name] for name in measured} == measured
    points = context.tracker.client.get_metric_history(run_id, "latency/p50_ms")
    assert [(point.step, point.value) for point in points] == [(0, 9.0), (1, 4.0)]
    assert run.data.tags["faceseg.latency_host"]
    assert run.data.tags["faceseg.host"] == "trainer"
    assert busy_finals(context, {"unet": "w1"}) == {}
