"""A real PostgreSQL with the product's databases, and a real MLflow server with users."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.infra import mlflow_server as servers
from tests.infra.mlflow_server import AUTHENTICATION, REPOSITORY, MlflowServer
from tests.infra.postgres import Postgres, running


@pytest.fixture(scope="session")
def empty_postgres() -> Iterator[Postgres]:
    """A server without databases."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def made(empty_postgres: Postgres) -> str:
    """What infra/databases.py says when it is run on an empty server."""
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
    """A server with the databases `mlflow` and `optuna`, as infra/databases.py makes them."""
    return empty_postgres


@pytest.fixture(scope="session")
def mlflow_server(
    postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """An MLflow server on PostgreSQL, with authentication, started as infra/compose.yaml does."""
    with servers.running(
        tmp_path_factory.mktemp("server"),
        "postgresql+psycopg:///mlflow",
        postgres.environment,
        AUTHENTICATION,
    ) as server:
        yield server


@pytest.fixture
def signed_in(mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    """The server, with its first user's name and password in this test's environment."""
    for name, value in mlflow_server.credentials.items():
        monkeypatch.setenv(name, value)
    return mlflow_server
