"""All checks on a real Ray of one node, and of two."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from rich.console import Console

from faceseg.errors import UserError
from pipelines.cluster import versions
from pipelines.config import Experiment, load
from pipelines.doctor import all_nodes, diagnosis
from pipelines.doctor.check_report import CheckReport
from pipelines.doctor.node_checks import NodeChecks
from pipelines.tracking import Tracker

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch: pytest.MonkeyPatch, same_default_store: None) -> None:
    for name in (*all_nodes.SHORT_MLFLOW_TIMEOUTS, "RAY_ADDRESS"):
        monkeypatch.setenv(name, "set, so that it is restored")
        monkeypatch.delenv(name)


def make_experiment(folder: Path, *overrides: str) -> Experiment:
    file = folder / "tiny.yaml"
    file.write_text("architectures: {unet: {}}\nresources: {workers: 1}\n", encoding="utf-8")
    return load(file, (f"storage={folder / 'results'}", *overrides))


def run(experiment: Experiment) -> tuple[bool, list[str]]:
    output = io.StringIO()
    passed = diagnosis.diagnose(experiment, Console(file=output))
    return passed, output.getvalue().splitlines()


def checks(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def test_one_machine_passes_and_is_left_unchanged(tmp_path: Path):
    experiment = make_experiment(tmp_path)
    for _ in range(2):  # the second call restores the deleted MLflow experiment
        passed, lines = run(experiment)
        assert passed, lines
        names = ("experiment", "optuna", "ray", "workers", "versions", "clock", "storage", "disk")
        assert checks(lines) == [f"ok   {name}" for name in (*names, "mlflow")]
        assert not ray.is_initialized()
    left = {path.name for path in experiment.storage.iterdir()}
    databases = {"mlflow.db", "optuna.db"}
    assert left - {"artifacts"} == databases | {f"{name}.lock" for name in databases}
    client = Tracker(experiment.tracking_uri).client
    assert {each.name for each in client.search_experiments()} == {"Default"}


def test_a_missing_ray_ends_the_checks_with_what_to_do(tmp_path: Path):
    passed, lines = run(make_experiment(tmp_path, "resources.address=127.0.0.1:1"))
    assert not passed
    assert checks(lines) == ["ok   experiment", "ok   optuna", "FAIL ray"]
    assert "Ray does not respond at 127.0.0.1:1 (" in lines[-1]


def test_a_missing_database_is_reported_without_its_password(tmp_path: Path):
    database = "tracking.database=postgresql+psycopg://me:geheim@127.0.0.1:1/optuna"
    _, lines = run(make_experiment(tmp_path, database, "resources.address=127.0.0.1:1"))
    assert lines[1].startswith("FAIL optuna: postgresql+psycopg://me:***@127.0.0.1:1/optuna cannot")
    assert "geheim" not in "".join(lines)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Start two nodes on this machine; yield the address of their Ray."""
    arguments: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    cluster.add_node(**arguments)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    cluster.wait_for_nodes()
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


def test_two_nodes_are_checked_and_refuse_one_database_file(address: str, tmp_path: Path):
    passed, lines = run(make_experiment(tmp_path, f"resources.address={address}"))
    assert not passed
    assert checks(lines) == [
        *("ok   experiment", "ok   optuna", "ok   ray", "ok   workers", "ok   access"),
        *("ok   versions", "ok   clock", "ok   storage", "ok   shared storage", "ok   disk"),
        "FAIL mlflow",
    ]
    assert "2 nodes, 2 CPUs, 0 GPUs: room for 2 workers" in lines[3]
    assert lines[7].endswith("is writable (2 nodes)")
    assert "--set tracking.uri=http://HOST:5000" in lines[-1]
    assert ray.is_initialized()  # as before the call


def test_too_many_workers_and_unreachable_checkpoints_fail(address: str, tmp_path: Path):
    overrides = ("resources.workers=9", "checkpoints=file:///proc/copies")
    passed, lines = run(make_experiment(tmp_path, f"resources.address={address}", *overrides))
    assert not passed
    failed = [line for line in lines if line.startswith("FAIL")]
    assert [line.partition(" on ")[0] for line in failed][1:3] == ["FAIL checkpoints"] * 2
    assert "room for 2 workers of 1 CPUs and 0 GPUs; 9 were requested" in failed[0]


def test_a_node_with_other_versions_is_named(address: str, monkeypatch: pytest.MonkeyPatch):
    installed = versions.installed_versions()
    monkeypatch.setattr(versions, "installed_versions", lambda: {**installed, "numpy": "1.0"})
    output = io.StringIO()
    report = CheckReport(Console(file=output))
    nodes = all_nodes.start_node_actors()
    try:
        all_nodes.check_versions(report, nodes)
    finally:
        all_nodes.stop_node_actors(nodes)
    lines = output.getvalue().splitlines()
    assert len(lines) == len({node.name for node in nodes}) == 2
    for line, node in zip(lines, nodes, strict=True):
        assert line.startswith(f"FAIL versions on {node.name}: numpy: 1.0 expected, ")


def test_a_wrong_clock_is_reported_with_its_sign(address: str):
    class SlowClock(NodeChecks):
        def clock(self) -> float:
            return super().clock() - 60

    late = all_nodes.NodeActor("late", "1", ray.remote(SlowClock).options(num_cpus=0).remote())
    right = all_nodes.NodeActor("right", "2", ray.remote(NodeChecks).options(num_cpus=0).remote())
    output = io.StringIO()
    all_nodes.check_clocks(CheckReport(Console(file=output)), [late, right])
    all_nodes.stop_node_actors([late, right])
    first, second = output.getvalue().splitlines()
    assert first.startswith("FAIL clock on late: 60.0 s behind the driver's")
    assert second == "ok   clock: within 2 s of the driver's (1 node)"


def test_separate_storages_need_checkpoints_elsewhere(tmp_path: Path):
    alone = make_experiment(tmp_path)
    assert all_nodes.judge_shared_storage([], alone) == "one folder for all nodes"
    with pytest.raises(
        UserError, match="is a separate folder on b, so the checkpoints of a lost node"
    ):
        all_nodes.judge_shared_storage(["b"], alone)
    copied = make_experiment(tmp_path, "checkpoints=s3://bucket/copies")
    assert "go to an address that all nodes share" in all_nodes.judge_shared_storage(["b"], copied)


@pytest.mark.parametrize(
    ("dashboard", "mode", "passes"),
    [
        ("127.0.0.1:8265", "", True),
        ("localhost:8265", "", True),
        ("10.0.0.5:8265", "", False),
        ("[::1]:8265", "", True),
        ("10.0.0.5:8265", "token", True),
        ("", "", True),
    ],
)
def test_an_open_dashboard_is_an_error(
    dashboard: str, mode: str, passes: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ray, "init", lambda **_: SimpleNamespace(dashboard_url=dashboard))
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    if passes:
        assert diagnosis.check_dashboard_access()
    else:
        with pytest.raises(UserError, match=r"10\.0\.0\.5:8265 requires no token"):
            diagnosis.check_dashboard_access()


def test_gpus_are_checked_in_order_and_each_check_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    called = []

    def start(nodes: Any, method: str, *arguments: Any) -> dict[str, Any]:
        called.append((method, *arguments))
        return {"a": lambda: "fine"}

    monkeypatch.setattr(all_nodes, "start_node_actors", lambda gpus: [gpus])
    monkeypatch.setattr(all_nodes, "stop_node_actors", called.append)
    monkeypatch.setattr(diagnosis, "call_on_nodes", start)
    output = io.StringIO()
    report = CheckReport(Console(file=output))
    diagnosis._check_gpus(report, make_experiment(tmp_path, "resources.gpus=0.5"))
    names = ["gpu_driver", "gpu_libraries", "gpu_visible", "gpu_code"]
    assert called == [*((name,) for name in names), ("gpu", 0.5), [0.5]]
    assert all(hasattr(NodeChecks, name) for name in names)
    assert checks(output.getvalue().splitlines()) == [
        *("ok   gpu driver", "ok   gpu libraries", "ok   gpu visible", "ok   gpu code", "ok   gpu")
    ]
