"""PostgreSQL servers that cannot be reached, in the place of MLflow and of Optuna's database."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from sqlalchemy.exc import OperationalError

from pipelines.cli.foreign_errors import explanation
from pipelines.config import database_servers
from tests.infra.processes import free_port
from tests.pipelines.cli.conftest import RunCommand

pytestmark = pytest.mark.usefixtures("same_default_store")
ADDRESS = "postgresql+psycopg://me:geheim@127.0.0.1:{}/runs"


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    monkeypatch.setattr(database_servers, "CONNECT_TIMEOUT", 2)


@pytest.fixture(params=["closed", "silent"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port on which nothing listens; or one whose connections are never answered."""
    if request.param == "closed":
        yield free_port()
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("verb", "key", "program"),
    [
        ("study", "uri", "MLflow"),
        ("models", "uri", "MLflow"),
        ("status", "uri", "MLflow"),
        ("clean", "database", "Optuna"),
    ],
)
def test_a_server_that_does_not_respond_is_named_within_seconds(  # noqa: PLR0917  # fixtures
    verb: str, key: str, program: str, port: int, command: RunCommand, tiny: Path
):
    Path("results").mkdir()
    began = time.monotonic()
    code, out, err = command(verb, str(tiny), f"--set=tracking.{key}={ADDRESS.format(port)}")
    assert time.monotonic() - began < 30
    assert code == 2, err
    address = ADDRESS.format(port).replace("geheim", "***")
    assert err.startswith(f"error: {program}'s database {address} does not respond: ")
    assert f"Start it, or set tracking.{key} to its address, then re-run the same" in err
    assert "geheim" not in out + err


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sqlite:/x", "MLflow's database sqlite:/x cannot be opened: Could not parse"),
        ("postgresql+pg8000://h/x", "needs a driver that is not installed (No module named"),
    ],
)
def test_an_address_that_cannot_be_opened_is_named_at_once(
    address: str, words: str, command: RunCommand, tiny: Path
):
    code, _, err = command("models", str(tiny), f"--set=tracking.uri={address}")
    assert code == 2, err
    assert words in err


def test_a_server_that_is_lost_while_a_command_runs_is_no_defect():
    mlflow.set_tracking_uri("postgresql+psycopg://me:geheim@h/runs")
    error = OperationalError("SELECT 1", {}, ConnectionError("server closed the connection"))
    message = explanation(error)
    assert message is not None
    assert "does not respond: " in message
    mlflow.set_tracking_uri("sqlite:///runs.db")
    assert explanation(error) is None
