"""Fixtures of the chaos tests: a Ray cluster of three nodes and an MLflow server, for all tests.

`python -m pytest tests/chaos` runs them for a small study, and
`python -m pytest tests/chaos --kills 20 --seed 1 --outage 60` for a larger one.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.infra import mlflow_server, ray_nodes

from .audit import StudyAudit
from .chaos_cluster import ChaosCluster, ChaosOptions
from .event_log import EventLog
from .study_process import StudyProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--kills", type=int, default=3, help="how many processes to kill")
    group.addoption("--seed", type=int, default=1, help="seed of the schedule of kills")
    group.addoption(
        "--outage", type=float, default=10, help="seconds for which MLflow's server is stopped"
    )
    group.addoption(
        "--default-search",
        action="store_true",
        help="Optuna's sampler and pruner as in an experiment that names none",
    )


@pytest.fixture(scope="session")
def options(request: pytest.FixtureRequest) -> ChaosOptions:
    """The options; the defaults if all tests are run, since pytest then reads this file late."""
    option = request.config.getoption
    return ChaosOptions(
        kills=option("--kills", 3),
        seed=option("--seed", 1),
        outage=option("--outage", 10.0),
        default_search=option("--default-search", False),
    )


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path, because it contains Ray's sockets."""
    folder = Path(mkdtemp(prefix="chaos-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(short_folder: Path) -> Iterator[ChaosCluster]:
    """The cluster and the server, both running."""
    folder = short_folder / "mlflow"
    folder.mkdir()
    database = folder / "mlflow.db"
    with (
        mlflow_server.running(folder, f"sqlite:///{database}") as server,
        ray_nodes.running(short_folder, {}) as nodes,
    ):
        yield ChaosCluster(
            nodes=nodes, server=server, database=database, artifacts=folder / "artifacts"
        )


@pytest.fixture
def event_log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.log")


@pytest.fixture
def study(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cluster: ChaosCluster,
    event_log: EventLog,
    options: ChaosOptions,
) -> Iterator[StudyProcess]:
    """A study named after the test's file."""
    process = cluster.study(request.path.stem.removeprefix("test_"), tmp_path, event_log, options)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, cluster: ChaosCluster, options: ChaosOptions
) -> StudyAudit:
    """The audit of a study without faults; the results of all others must equal it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    study = cluster.study("undisturbed", folder, EventLog(folder / "events.log"), options)
    study.start()
    try:
        assert study.wait(900) == 0, study.output
    finally:
        study.stop()
    audit = cluster.audit(study)
    assert audit.faults() == []
    assert set(audit.attempts().values()) == {1}
    return audit
