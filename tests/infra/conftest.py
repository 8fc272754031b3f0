"""Fixtures: a PostgreSQL server with the project's databases, and an MLflow server with users."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from tests.infra import mlflow_server as servers
from tests.infra import ray_nodes
from tests.infra.mlflow_server import AUTHENTICATION, REPOSITORY, MlflowServer
from tests.infra.postgres import PASSWORD, Postgres, running
from tests.infra.ray_nodes import BIN, RayNodes

TINY = """
name: tiny
seed: 3
data:
  image_size: [32, 32]
  drawn: {train: 24, val: 6, test: 6, size: 48, difficulty: 0.3}
architectures:
  unet: {alpha: 0.35, width: 0.1, encoder_weights: none, batch_norm_momentum: 0.5}
training: {epochs: 2}
search:
  trials: 2
  space: {learning_rate: {low: 3.0e-3, high: 3.0e-2, log: true}}
  random_trials: 1
  pruner: none
finals: {seeds: 1}
robustness: {kinds: [gray_square], trial_images: 2, final_images: 3}
resources: {workers: 2, cpus: 1, address: auto}
tracking:
  uri: ${FACESEG_TEST_MLFLOW}
  database: ${FACESEG_TEST_OPTUNA}
storage: ${FACESEG_TEST_STORAGE}
"""
RunCommand = Callable[..., subprocess.CompletedProcess[str]]
StartCommand = Callable[..., subprocess.Popen[str]]
# Tests of jobs rather than studies use this script as the nodes' `faceseg`, for experiments whose
# names begin with `stub`.
STUB_FACESEG_SCRIPT = f"""#!/bin/sh
case "$2" in
  stub-list.yaml) find . -type f | sort; echo "commit $FACESEG_COMMIT"; exit 3 ;;
  stub-wait.yaml) trap 'echo closing; exit 0' TERM; echo waiting; while :; do sleep 0.1; done ;;
  *) exec {BIN}/faceseg "$@" ;;
esac
"""


@pytest.fixture(scope="session")
def empty_postgres() -> Iterator[Postgres]:
    """Return a server without databases."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def made(empty_postgres: Postgres) -> str:
    """Return the output of infra/databases.py on an empty server."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / "infra" / "databases.py"],
        env={**os.environ, **empty_postgres.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def postgres(empty_postgres: Postgres, made: str) -> Postgres:
    """Return a server with the databases `mlflow` and `optuna`, created by infra/databases.py."""
    return empty_postgres


@pytest.fixture(scope="session")
def mlflow_server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """Return an MLflow server on PostgreSQL with users, started as in infra/compose.yaml."""
    with servers.running(
        tmp_path_factory.mktemp("server"),
        "postgresql+psycopg:///mlflow",
        postgres.environment,
        AUTHENTICATION,
    ) as server:
        yield server


@pytest.fixture
def signed_in(mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    """Return the server; this test's environment has its first user's name and password."""
    for name, value in mlflow_server.credentials.items():
        monkeypatch.setenv(name, value)
    return mlflow_server


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """Return a folder with a short path, for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="fs-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def secret() -> str:
    """Return the password in an address that only the nodes have."""
    return "geheim-" + secrets.token_hex(8)


@pytest.fixture(scope="session")
def logins(
    short_folder: Path, postgres: Postgres, mlflow_server: MlflowServer, secret: str
) -> dict[str, str]:
    """Return the environment of the nodes, which the submitting machine does not have."""
    return {
        **mlflow_server.credentials,
        "PGPASSWORD": PASSWORD,
        "FACESEG_TEST_MLFLOW": mlflow_server.uri,
        "FACESEG_TEST_OPTUNA": f"postgresql+psycopg://faceseg@127.0.0.1:{postgres.port}/optuna",
        "FACESEG_TEST_STORAGE": str(short_folder / "shared"),
        "FACESEG_TEST_SECRET": f"http://me:{secret}@127.0.0.1:1",  # no server listens there
    }


@pytest.fixture
def node(logins: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the environment of a node in this test's process."""
    for name, value in logins.items():
        monkeypatch.setenv(name, value)
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def cluster(short_folder: Path, logins: dict[str, str]) -> Iterator[RayNodes]:
    """Return a head and two nodes that require a token."""
    (short_folder / "bin").mkdir()
    stand_in = short_folder / "bin" / "faceseg"
    stand_in.write_text(STUB_FACESEG_SCRIPT, encoding="utf-8")
    stand_in.chmod(0o755)
    with ray_nodes.running(short_folder, logins) as nodes:
        yield nodes


@pytest.fixture(scope="session")
def work_folder(short_folder: Path) -> Path:
    """Return the folder from which studies are submitted: experiments, and a gigabyte of data."""
    folder = short_folder / "work"
    (folder / "data").mkdir(parents=True)
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    for name in ("stub-list", "stub-wait"):
        (folder / f"{name}.yaml").write_text("base: tiny.yaml\n", encoding="utf-8")
    (folder / "notes.md").write_text("text\n", encoding="utf-8")
    with (folder / "data" / "faces.npy").open("wb") as file:
        file.write(b"\x93NUMPY\0")
        file.truncate(2**30)
    return folder


@pytest.fixture(scope="session")
def start_command(cluster: RayNodes, work_folder: Path) -> StartCommand:
    """Start a command of this environment in the working directory, as a client of the cluster."""
    ours = ("RAY_", "MLFLOW_", "PG", "FACESEG_")
    known = {name: value for name, value in os.environ.items() if not name.startswith(ours)}

    def start(*words: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / words[0], *words[1:]],
            cwd=work_folder,
            env={**known, "COLUMNS": "200", "TERM": "dumb", **cluster.client, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def run_command(start_command: StartCommand) -> RunCommand:
    """Run such a command to its end."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        with start_command(*words, **environment) as process:
            out, err = process.communicate(timeout=800)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run
