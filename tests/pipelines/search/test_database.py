"""Optuna's database stops and restarts, is full, or never existed."""

import errno
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.job.job import Job
from pipelines.search import database
from pipelines.search.coordinator import Coordinator
from pipelines.search.database import retry_while_unavailable
from pipelines.search.job_outcome import JobOutcome
from tests.infra.postgres import Postgres, running

URL = "postgresql+psycopg://me:secret@127.0.0.1:1/optuna"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture
def coordinator(
    postgres: Postgres, experiment: Experiment, changed: Any, request: pytest.FixtureRequest
) -> Iterator[Coordinator]:
    """A coordinator of one architecture on a PostgreSQL database of its own."""
    url = postgres.make(request.node.name[:60])
    alone = changed(
        experiment, architectures={"pspnet": None, "segnet": None}, tracking={"database": url}
    )
    return Coordinator(alone, "s")


def test_calls_wait_for_a_server_that_restarts(coordinator: Coordinator, postgres: Postgres):
    """It stops between two calls; the next one waits until it is back."""
    job = coordinator.next_job("s/w1")
    assert isinstance(job, Job)
    for call in (
        lambda: coordinator.report("s/w1", job.key, 1, 0.25, 9.0),
        lambda: coordinator.finish("s/w1", job.key, JobOutcome(value=0.25)),
        lambda: coordinator.next_job("s/w1"),
        coordinator.snapshot,
    ):
        postgres.stop()
        starting = threading.Timer(0.5, postgres.start)
        starting.start()
        result = call()
        starting.join()
    assert result.counts == {"unet": {"complete": 1, "running": 1}}
    assert result.best == {"unet": 0.25}


def test_the_error_about_a_server_that_stays_away_has_no_password(
    coordinator: Coordinator, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(database, "DATABASE_TIMEOUT", 0.5)
    coordinator.next_job("s/w1")
    postgres.stop()
    try:
        with pytest.raises(UserError, match="has not responded for 0 s") as raised:
            coordinator.next_job("s/w2")
    finally:
        postgres.start()
    words = str(raised.value)
    assert f"***@127.0.0.1:{postgres.port}" in words
    assert "for-tests-only" not in words
    assert words.endswith("then re-run the same command to resume")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"for-tests-only": "wrong"}, "cannot be opened: .*password authentication failed"),
        ({"/postgres": "/nowhere"}, 'cannot be opened: .*database "nowhere" does not exist'),
        ({"+psycopg": "+pg8000"}, r"needs a driver that is not installed .*install faceseg\[post"),
        ({"postgresql+psycopg://": "postgresql:/"}, "cannot be opened: .*Expected in tracking"),
    ],
)
def test_a_wrong_address_is_reported_at_once(
    postgres: Postgres, experiment: Experiment, changed: Any, change: dict[str, str], words: str
):
    url = postgres.url("postgres")
    for old, new in change.items():
        url = url.replace(old, new)
    coordinator = Coordinator(changed(experiment, tracking={"database": url}), "s")
    with never_waiting(), pytest.raises(UserError, match=words):
        coordinator.next_job("s/w1")


def test_a_full_disk_under_sqlite_is_reported_at_once(tmp_path: Any):
    def fill() -> None:
        full = sqlite3.OperationalError("database or disk is full")
        raise OperationalError("UPDATE", {}, full)

    with (
        never_waiting(),
        pytest.raises(UserError, match=r"database or disk is full.*free some space.*to resume"),
    ):
        retry_while_unavailable(f"sqlite:///{tmp_path}/optuna.db", fill)


def test_a_locked_sqlite_is_retried(tmp_path: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database, "RETRY_PAUSES", (0.01, 0.01))
    left = [1, 2, 3]

    def write() -> str:
        if left:
            left.pop()
            raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
        return "written"

    assert retry_while_unavailable(f"sqlite:///{tmp_path}/optuna.db", write) == "written"


def test_a_defect_is_not_hidden_as_an_outage(tmp_path: Any):
    def fail() -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        retry_while_unavailable(URL, fail)
    with pytest.raises(OSError, match="Bad file descriptor"):
        retry_while_unavailable(URL, lambda: _raise(OSError(errno.EBADF, os.strerror(errno.EBADF))))


def test_an_outage_is_noted_while_a_call_waits_and_no_longer(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
):
    """The driver's message is printed only then; a coordinator that starts slowly has no outage."""
    monkeypatch.setattr(database, "RETRY_PAUSES", (0.01, 0.01))
    coordinator = Coordinator(experiment, "s")
    assert coordinator.database_outage() == ""
    noted: list[str] = []

    class LockedOnce(dict[str, Any]):
        def items(self) -> Any:
            noted.append(coordinator.database_outage())
            if len(noted) == 1:
                raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
            return super().items()

    coordinator.searches = LockedOnce()
    assert coordinator.winners() == {}
    assert noted[0] == ""
    assert noted[1].endswith("database is locked")
    assert coordinator.database_outage() == ""


@contextmanager
def never_waiting() -> Iterator[None]:
    """Fail at a second attempt."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database.time, "sleep", lambda seconds: pytest.fail("it waits"))
        yield


def _raise(error: Exception) -> None:
    raise error
