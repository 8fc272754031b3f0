"""The lab of the chaos tests: a Ray cluster of three nodes and an MLflow server, for all tests.

`python -m pytest tests/chaos` is the short form. The long one:
`python -m pytest tests/chaos --kills 20 --seed 1 --outage 60`.
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
    group.addoption("--kills", type=int, default=3, help="how often something is killed")
    group.addoption("--seed", type=int, default=1, help="of what is killed when")
    group.addoption("--outage", type=float, default=10, help="seconds without MLflow's server")


@pytest.fixture(scope="session")
def wishes(request: pytest.FixtureRequest) -> ChaosOptions:
    """The options; their defaults where the whole suite is run, which reads them too late."""
    option = request.config.getoption
    return ChaosOptions(option("--kills", 3), option("--seed", 1), option("--outage", 10.0))


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: Ray's sockets are in it."""
    folder = Path(mkdtemp(prefix="chaos-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def lab(short_folder: Path) -> Iterator[ChaosCluster]:
    """The cluster and the server, both running."""
    folder = short_folder / "mlflow"
    folder.mkdir()
    database = folder / "mlflow.db"
    with (
        mlflow_server.running(folder, f"sqlite:///{database}") as server,
        ray_nodes.running(short_folder, {}) as cluster,
    ):
        yield ChaosCluster(cluster, server, database, folder / "artifacts")


@pytest.fixture
def diary(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "diary.log")


@pytest.fixture
def study(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    lab: ChaosCluster,
    diary: EventLog,
    wishes: ChaosOptions,
) -> Iterator[StudyProcess]:
    """A study with the name of the test's file."""
    made = lab.study(request.path.stem.removeprefix("test_"), tmp_path, diary, wishes.small)
    yield made
    made.stop()


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, lab: ChaosCluster, wishes: ChaosOptions
) -> StudyAudit:
    """The books of a study that nothing was done to: what all others must come to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    study = lab.study("undisturbed", folder, EventLog(folder / "diary.log"), wishes.small)
    study.start()
    try:
        assert study.wait(900) == 0, study.output
    finally:
        study.stop()
    audit = lab.audit(study)
    assert audit.faults() == []
    assert set(audit.attempts().values()) == {1}
    return audit
