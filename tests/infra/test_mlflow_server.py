"""MLflow's server as set up in infra/: permissions and host names."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from mlflow.exceptions import MlflowException

from pipelines.tracking import Tracker
from tests.infra.mlflow_server import ADMIN, AUTHENTICATION, MlflowServer
from tests.infra.mlflow_server import PASSWORD as ADMIN_PASSWORD
from tests.infra.postgres import PASSWORD as DATABASE_PASSWORD
from tests.pipelines.mlflow_runs import open_run

SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


def status(server: MlflowServer, path: str, **headers: str) -> int:
    request = urllib.request.Request(server.uri + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_signed_in_user_can_log_and_store_files(signed_in: MlflowServer, tmp_path: Path):
    tracker = Tracker(signed_in.uri)
    experiment = tracker.experiment("signed-in", tmp_path)
    run = open_run(tracker, experiment, "a run", {"trial": "0"}, "A run.")
    tracker.log_metrics(run, {"val/iou": 0.5}, step=0)
    with tracker.files(run) as folder:
        (folder / "history.csv").write_text("epoch,loss\n0,1.5\n", encoding="utf-8")
    assert tracker.client.get_run(run).data.metrics == {"val/iou": 0.5}
    fetched = tracker.fetch(run, "history.csv", tmp_path)
    assert fetched.read_text(encoding="utf-8") == "epoch,loss\n0,1.5\n"
    assert (signed_in.folder / "artifacts").is_dir()  # the disk of the server, not of the client


@pytest.mark.parametrize("password", ["", "wrong"])
def test_other_users_are_rejected(
    mlflow_server: MlflowServer, password: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    if password:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(MlflowException, match="You are not authenticated") as refused:
        Tracker(mlflow_server.uri).client.search_experiments()
    assert refused.value.error_code == "UNAUTHENTICATED"


def test_only_allowed_host_names_are_accepted(mlflow_server: MlflowServer):
    assert status(mlflow_server, SEARCH, Host="elsewhere.example") == 403
    assert status(mlflow_server, SEARCH, Host=f"localhost:{mlflow_server.port}") == 401


def test_the_health_check_needs_no_login(mlflow_server: MlflowServer):
    assert status(mlflow_server, "/health") == 200


def test_pages_of_other_sites_cannot_write(mlflow_server: MlflowServer):
    body = json.dumps({"name": "from elsewhere"}).encode()
    request = urllib.request.Request(
        f"{mlflow_server.uri}/api/2.0/mlflow/experiments/create", data=body, method="POST"
    )
    request.add_header("Origin", "https://elsewhere.example")
    request.add_header("Content-Type", "application/json")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_no_password_is_seen_in_its_processes_or_its_log(mlflow_server: MlflowServer):
    server = psutil.Process(mlflow_server.pid)
    commands = [" ".join(each.cmdline()) for each in (server, *server.children(recursive=True))]
    shown = "\n".join([*commands, mlflow_server.log.read_text(encoding="utf-8")])
    assert str(mlflow_server.port) in shown
    assert ADMIN_PASSWORD not in shown
    assert DATABASE_PASSWORD not in shown


def test_it_does_not_start_without_a_password_for_its_first_user(tmp_path: Path):
    auth = tmp_path / "auth.ini"
    ours = AUTHENTICATION.read_text(encoding="utf-8")
    auth.write_text(ours.replace("postgresql+psycopg:///mlflow", f"sqlite:///{tmp_path}/auth.db"))
    server = MlflowServer(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", auth=auth)
    server.environment.pop("MLFLOW_AUTH_ADMIN_PASSWORD")
    with pytest.raises(RuntimeError, match="admin_password"):
        server.start()
