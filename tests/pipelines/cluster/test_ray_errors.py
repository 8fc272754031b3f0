"""Why Ray does not start, and the watch over its processes."""

import socket
from pathlib import Path

import pytest
import ray

from faceseg.errors import UserError
from pipelines.cluster import connection, ray_errors
from pipelines.cluster.ray_errors import CONTROL_STORE, RayWatch, start_error_message
from pipelines.config import Resources
from tests.infra.processes import free_port


@pytest.fixture(autouse=True)
def without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("x" * 80, "is too long for a socket: set RAY_TMPDIR to a path of at most 40 characters"),
        ("file", "cannot be used .*Not a directory.*set RAY_TMPDIR to a folder that this user"),
    ],
)
def test_a_temporary_folder_that_ray_cannot_use(
    folder: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    (tmp_path / ("x" * 80)).mkdir()
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / folder))
    with pytest.raises(UserError, match=f"Ray does not start on this machine: .*{words}"):
        connection.connect_ray(Resources())
    assert not ray.is_initialized()


def test_a_busy_machine_is_named():
    """The text is what Ray 2.60 raised on a machine with a load of 11 on two cores."""
    error = Exception(
        "The current node timed out during startup. This could happen because some of the raylet "
        "failed to startup or the GCS has become overloaded."
    )
    assert "The machine may be busy" in start_error_message(error)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(ray_errors.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("name", "cluster", "dies_at_once"),
    [
        (CONTROL_STORE, False, True),
        ("raylet", False, True),
        ("raylet", True, True),
        (CONTROL_STORE, True, False),
    ],
)
def test_a_process_that_accepts_no_connection_is_dead(
    name: str, cluster: bool, dies_at_once: bool, clock: list[float]
):
    """The control store of a cluster may be restarted within half a minute."""
    watch = RayWatch(addresses={name: ("127.0.0.1", free_port())}, cluster=cluster)
    clock[0] = 10.0
    if not dies_at_once:
        watch.check()
        clock[0] = 39.0
        watch.check()
        clock[0] = 41.0
    with pytest.raises(UserError, match=r"has died .* re-run the same command to resume"):
        watch.check()


def test_a_control_store_that_returns_was_not_lost(clock: list[float]):
    port = free_port()
    watch = RayWatch(addresses={CONTROL_STORE: ("127.0.0.1", port)}, cluster=True)
    clock[0] = 10.0
    watch.check()
    with socket.create_server(("127.0.0.1", port)):
        clock[0] = 35.0
        watch.check()
    clock[0] = 45.0
    watch.check()
