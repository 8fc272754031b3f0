"""The doctor's whole round on a real Ray: one node, and two."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
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
def the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = mlflow.get_tracking_uri()
    for name in (*all_nodes.SHORT_MLFLOW_TIMEOUTS, "RAY_ADDRESS"):
        monkeypatch.setenv(name, "set here, so that it is put back")
        monkeypatch.delenv(name)
    yield
    mlflow.set_tracking_uri(before)


def experiment(folder: Path, *overrides: str) -> Experiment:
    file = folder / "tiny.yaml"
    file.write_text("architectures: {unet: {}}\nresources: {workers: 1}\n", encoding="utf-8")
    return load(file, (f"storage={folder / 'results'}", *overrides))


def run(asked: Experiment) -> tuple[bool, list[str]]:
    paper = io.StringIO()
    sound = diagnosis.diagnose(asked, Console(file=paper))
    return sound, paper.getvalue().splitlines()


def told(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def test_one_machine_is_well_and_left_as_it_was(tmp_path: Path):
    asked = experiment(tmp_path)
    for _ in range(2):  # the second time the doctor's MLflow experiment is there, deleted
        sound, lines = run(asked)
        assert sound, lines
        names = ("experiment", "optuna", "ray", "workers", "versions", "clock", "storage", "disk")
        assert told(lines) == [f"ok   {name}" for name in (*names, "mlflow")]
        assert not ray.is_initialized()
    left = {path.name for path in asked.storage.iterdir()}
    assert left - {"artifacts"} == {"mlflow.db", "optuna.db"}
    client = Tracker(asked.tracking_uri).client
    assert {each.name for each in client.search_experiments()} == {"Default"}


def test_no_ray_where_it_should_be_ends_the_round_with_what_to_do(tmp_path: Path):
    sound, lines = run(experiment(tmp_path, "resources.address=127.0.0.1:1"))
    assert not sound
    assert told(lines) == ["ok   experiment", "ok   optuna", "MEND ray"]
    assert "no Ray answers at 127.0.0.1:1 (" in lines[-1]


def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path: Path):
    database = "tracking.database=postgresql+psycopg://me:geheim@127.0.0.1:1/optuna"
    _, lines = run(experiment(tmp_path, database, "resources.address=127.0.0.1:1"))
    assert lines[1].startswith("MEND optuna: postgresql+psycopg://me:***@127.0.0.1:1/optuna cannot")
    assert "geheim" not in "".join(lines)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Two nodes on this machine."""
    arguments: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args=arguments)
    cluster.add_node(**arguments)
    ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
    cluster.wait_for_nodes()
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


def test_two_nodes_are_visited_and_a_database_file_for_both_is_refused(
    address: str, tmp_path: Path
):
    sound, lines = run(experiment(tmp_path, f"resources.address={address}"))
    assert not sound
    assert told(lines) == [
        *("ok   experiment", "ok   optuna", "ok   ray", "ok   workers", "ok   access"),
        *("ok   versions", "ok   clock", "ok   storage", "ok   shared storage", "ok   disk"),
        "MEND mlflow",
    ]
    assert "2 nodes, 2 CPUs, 0 GPUs: room for 2 workers" in lines[3]
    assert lines[7].endswith("can be written (2 nodes)")
    assert "--set tracking.uri=http://HOST:5000" in lines[-1]
    assert ray.is_initialized()  # it was before


def test_more_workers_than_fit_and_copies_that_no_node_reaches(address: str, tmp_path: Path):
    asked = ("resources.workers=9", "checkpoints=file:///proc/copies")
    sound, lines = run(experiment(tmp_path, f"resources.address={address}", *asked))
    assert not sound
    wrong = [line for line in lines if line.startswith("MEND")]
    assert [line.partition(" on ")[0] for line in wrong][1:3] == ["MEND checkpoints"] * 2
    assert "room for 2 workers of 1 CPUs and 0 GPUs; 9 were asked for" in wrong[0]


def test_a_node_that_is_not_as_the_driver_is_named(address: str, monkeypatch: pytest.MonkeyPatch):
    here = versions.installed_versions()
    monkeypatch.setattr(versions, "installed_versions", lambda: {**here, "numpy": "1.0"})
    paper = io.StringIO()
    report = CheckReport(Console(file=paper))
    places = all_nodes.start_node_actors()
    try:
        all_nodes.check_versions(report, places)
    finally:
        all_nodes.stop_node_actors(places)
    lines = paper.getvalue().splitlines()
    assert len(lines) == len({place.name for place in places}) == 2
    for line, place in zip(lines, places, strict=True):
        assert line.startswith(f"MEND versions on {place.name}: numpy: 1.0 expected, ")


def test_a_clock_that_is_off_is_told_with_its_sign(address: str):
    class Late(NodeChecks):
        def clock(self) -> float:
            return super().clock() - 60

    late = all_nodes.NodeActor("late", "1", ray.remote(Late).options(num_cpus=0).remote())
    right = all_nodes.NodeActor("right", "2", ray.remote(NodeChecks).options(num_cpus=0).remote())
    paper = io.StringIO()
    all_nodes.check_clocks(CheckReport(Console(file=paper)), [late, right])
    all_nodes.stop_node_actors([late, right])
    first, second = paper.getvalue().splitlines()
    assert first.startswith("MEND clock on late: 60.0 s behind the driver's")
    assert second == "ok   clock: within 2 s of the driver's (1 node)"


def test_storages_of_each_nodes_own_need_copies_elsewhere(tmp_path: Path):
    alone = experiment(tmp_path)
    assert all_nodes.judge_shared_storage([], alone) == "one folder for all nodes"
    with pytest.raises(UserError, match="is another folder on b: what a lost node had trained"):
        all_nodes.judge_shared_storage(["b"], alone)
    copied = experiment(tmp_path, "checkpoints=s3://bucket/copies")
    assert "go to an address that all reach" in all_nodes.judge_shared_storage(["b"], copied)


@pytest.mark.parametrize(
    ("dashboard", "mode", "well"),
    [
        ("127.0.0.1:8265", "", True),
        ("localhost:8265", "", True),
        ("10.0.0.5:8265", "", False),
        ("[::1]:8265", "", True),
        ("10.0.0.5:8265", "token", True),
        ("", "", True),
    ],
)
def test_an_open_door_is_told(
    dashboard: str, mode: str, well: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ray, "init", lambda **_: SimpleNamespace(dashboard_url=dashboard))
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    if well:
        assert diagnosis.check_dashboard_access()
    else:
        with pytest.raises(UserError, match=r"10\.0\.0\.5:8265 wants no token"):
            diagnosis.check_dashboard_access()
