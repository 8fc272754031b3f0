"""The verb `ui`: the server that it starts, the address that it prints, and the browser."""

import json
import os
import socket
import sys
from pathlib import Path

import pytest

from pipelines.cli import pages
from pipelines.tracking import Tracker
from tests.infra.processes import free_port
from tests.pipelines.cli.conftest import RunCommand


def test_ui_starts_mlflow_outside_the_current_folder(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    """Uvicorn, which MLflow starts, would import from the current folder."""
    Path("results").mkdir()
    Path("results/mlflow.db").touch()
    started: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.extend(words))
    assert command("ui", str(tiny), "--port", str(free_port()))[0] == 0
    assert started[1:5] == ["-P", "-m", "mlflow", "ui"]
    assert os.environ["MLFLOW_SERVER_ALLOWED_HOSTS"] == "localhost:*,127.0.0.1:*"
    assert os.environ["PYTHONSAFEPATH"] == "1"
    assert os.environ["UVICORN_APP_DIR"] == str(Path(sys.executable).parent)


def test_ui_shows_the_databases_password_neither_as_an_argument_nor_as_output(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    """Every user of the machine can read the arguments of its processes."""
    started: list[str] = []
    monkeypatch.setattr(os, "execv", lambda _, words: started.extend(words))
    monkeypatch.setattr(Tracker, "client", None)  # there is no such server
    address = "http://127.0.0.1:5000/#/experiments"
    monkeypatch.setattr("pipelines.tracking.runs_table.runs_table_address", lambda *_: address)
    uri = "postgresql://me:geheim@127.0.0.1/mlflow"
    code, out, err = command(
        "ui", str(tiny), "--port", str(free_port()), f"--set=tracking.uri={uri}"
    )
    assert code == 0
    assert "geheim" not in "".join([*started, out, err])
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == uri


def test_ui_refuses_a_port_that_is_taken(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    """MLflow's server would print a traceback, and the command would end with 0."""
    Path("results").mkdir()
    Path("results/mlflow.db").touch()
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("the server was started"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = command("ui", str(tiny), "--port", str(port))
    words = (
        f"error: cannot listen on 127.0.0.1:{port}: another program uses it; give another --port"
    )
    assert (code, out, err) == (2, "", f"{words}\n")


def test_ui_prints_the_address_of_the_experiments_runs_and_opens_it(
    command: RunCommand, tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    tracker = Tracker("sqlite:///results/mlflow.db")
    Path("results").mkdir()
    experiment_id = tracker.experiment("tiny", Path("results/artifacts"))
    opened: list[str] = []
    monkeypatch.setattr(os, "execv", lambda *_: None)
    monkeypatch.setattr(pages, "has_desktop", lambda: True)
    monkeypatch.setattr(pages.subprocess, "Popen", lambda words, **_: opened.extend(words))
    port = free_port()
    code, out, err = command("ui", str(tiny), "--port", str(port))
    assert (code, err) == (0, "")
    address = (
        f"http://127.0.0.1:{port}/#/experiments/{experiment_id}/runs"
        "?workflowType=machine_learning&viewStateShareKey=faceseg"
    )
    assert out == f"runs, as soon as MLflow has started: {address}\n"
    assert opened[-2:] == ["pipelines.cli.pages", address]
    tags = tracker.client.get_experiment(experiment_id).tags
    view = json.loads(tags["mlflow.sharedViewState.faceseg"])
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`best/val_iou`", False)
    assert view["selectedColumns"][:2] == ["tags.`faceseg.architecture`", "tags.`faceseg.state`"]
    assert view["compareRunCharts"][0]["metricKey"] == "val/iou"


def test_a_browser_opens_only_from_a_terminal_on_a_desktop(monkeypatch: pytest.MonkeyPatch):
    """Without a desktop, a text browser would open in the terminal of the server."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert pages.has_desktop()
    monkeypatch.delenv("DISPLAY")
    assert not pages.has_desktop()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert not pages.has_desktop()
