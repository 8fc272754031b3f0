"""The checks before a server starts (host, token, port, model), and its status messages."""

import io
import os
import signal
from pathlib import Path
from threading import Event

import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import server_access
from pipelines.serve import server
from pipelines.serve.served_model import ReplicaState, model_source
from pipelines.serve.settings import ServeSettings
from tests.infra.processes import free_port


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(server_access.TOKEN_VARIABLE, raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_addresses_are_recognised(host: str, expected: bool):
    assert server_access.is_loopback(host) is expected


def test_a_non_loopback_host_requires_a_token(monkeypatch: pytest.MonkeyPatch):
    settings = ServeSettings(model="best.keras")
    with pytest.raises(UserError, match="FACESEG_TOKEN is not set"):
        server.serve_model(settings, Console(), host="0.0.0.0")
    monkeypatch.setenv(server_access.TOKEN_VARIABLE, "short")
    with pytest.raises(UserError, match="too easy to guess"):
        server.serve_model(settings, Console(), host="0.0.0.0")


def test_loopback_requires_no_token_but_uses_one_that_is_set(monkeypatch: pytest.MonkeyPatch):
    assert server_access.server_token(required=False, because="") is None
    monkeypatch.setenv(server_access.TOKEN_VARIABLE, "0123456789abcdef")
    assert server_access.server_token(required=False, because="") == "0123456789abcdef"


def test_a_missing_model_is_an_error():
    with pytest.raises(UserError, match=r"file nothing\.keras does not exist"):
        model_source("nothing.keras", None)
    with pytest.raises(UserError, match="--tracking"):
        model_source("models:/faceseg@champion", None)


def test_an_exported_file_does_not_run_on_a_gpu(tmp_path: Path):
    (tmp_path / "model.onnx").touch()
    settings = ServeSettings(model=str(tmp_path / "model.onnx"), gpus=0.5)
    with pytest.raises(UserError, match="exported file, which runs on the CPU"):
        server.serve_model(settings, Console(), port=free_port())


def test_a_signal_during_the_start_waits_for_the_start_to_finish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    done: list[str] = []

    def start(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        Event().wait(0.2)  # an exception in the main thread would end the test here
        done.append("started")

    def ready(stop: Event) -> object | None:
        return None if stop.wait(10) else "a handle"

    monkeypatch.setattr(server, "start_replicas", start)
    monkeypatch.setattr(server, "wait_until_ready", ready)
    monkeypatch.setattr(server, "stop_replicas", lambda: done.append("stopped"))
    (tmp_path / "best.keras").touch()
    console = Console(file=io.StringIO())
    server.serve_model(ServeSettings(model=str(tmp_path / "best.keras")), console, port=free_port())
    assert done == ["started", "stopped"]
    assert "stopped while loading" in console.file.getvalue()


def test_more_replicas_than_fit_are_an_error():
    settings = ServeSettings(model="x", replicas=1, max_replicas=4, cpus=2)
    server._check_resources(settings, {"CPU": 8.0})
    with pytest.raises(UserError, match="4 replicas of 2 CPUs"):
        server._check_resources(settings, {"CPU": 7.0})
    with pytest.raises(UserError, match=r"0\.5 GPUs"):
        server._check_resources(settings.model_copy(update={"gpus": 0.5}), {"CPU": 8.0, "GPU": 1.0})


def test_the_cause_of_a_failed_replica_is_its_last_line():
    message = (
        "The deployment failed to start:\n  File x\nfaceseg.errors.UserError: no network there\n"
    )
    assert server._error_message(message) == "no network there"


def state(replica: str, version: str, trouble: str = "") -> ReplicaState:
    return ReplicaState(
        replica=replica, version=version, address=f"models:/m/{version}", trouble=trouble
    )


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ([], [state("a", "1")], ["models:/m/1 is served by 1 of 1 replicas"]),
        ([state("a", "1")], [state("a", "1")], []),
        (
            [state("a", "1"), state("b", "1")],
            [state("a", "2"), state("b", "1")],
            ["models:/m/2 is served by 1 of 2 replicas"],
        ),
        (
            [state("a", "2"), state("b", "1")],
            [state("a", "2"), state("b", "2")],
            ["models:/m/2 is served by 2 of 2 replicas"],
        ),
        ([state("a", "1")], [state("a", "1", "no 2")], ["no 2; the served model stays in use"]),
        (
            [state("a", "1", "no 2")],
            [state("a", "1")],
            ["the alias can be followed again"],
        ),
    ],
)
def test_each_change_is_described_once(
    before: list[ReplicaState], after: list[ReplicaState], lines: list[str]
):
    assert server.describe_changes(before, after) == lines
