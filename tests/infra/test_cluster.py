"""The set-up of infra/, as processes of this machine: a study from the start to its table.

PostgreSQL, MLflow with authentication, and a Ray head with two nodes that require a token. The
machine that submits the study has the token only.
"""

import json
from pathlib import Path

import optuna
import pytest

from pipelines.config import Experiment, load
from pipelines.tracking import Tracker
from tests.infra.conftest import RunCommand
from tests.infra.mlflow_server import PASSWORD as MLFLOW_PASSWORD
from tests.infra.postgres import PASSWORD as DATABASE_PASSWORD
from tests.infra.ray_nodes import RayNodes

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]


@pytest.fixture
def experiment(work_folder: Path, node: None) -> Experiment:
    """Return the study's settings, as a node reads them."""
    return load(work_folder / "tiny.yaml")


@pytest.fixture(scope="module")
def output(run_command: RunCommand, cluster: RayNodes) -> str:
    """Submit the study; return its output."""
    done = run_command("faceseg", "submit", "tiny.yaml", "--address", cluster.dashboard)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_study_is_submitted_and_ends_with_its_table(
    output: str, work_folder: Path, short_folder: Path
):
    report = short_folder / "shared" / "tiny" / "comparison.html"
    assert f"report: {report}" in output
    assert report.is_file()
    assert not (work_folder / "results").exists()


@pytest.mark.nightly
def test_rays_own_command_submits_the_same_study(
    output: str, run_command: RunCommand, cluster: RayNodes
):
    """`ray job submit` needs only `faceseg study`, which finds the study finished."""
    again = run_command(
        *("ray", "job", "submit", "--address", cluster.dashboard, "--working-dir", "."),
        *("--runtime-env-json", json.dumps({"excludes": ["data"]})),
        *("--", "faceseg", "study", "tiny.yaml"),
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "is finished: all trials and finals are complete" in again.stdout


def test_its_runs_are_on_the_server_and_its_trials_in_the_database(
    output: str, experiment: Experiment, short_folder: Path
):
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("tiny").experiment_id
    runs = tracker.find_runs(made, study=experiment.study)
    kinds = sorted(run.data.tags["faceseg.kind"] for run in runs)
    assert kinds == ["final", "study", "trial", "trial"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    storage = optuna.storages.RDBStorage(experiment.search_database)
    name = f"{experiment.study}/unet/search"
    trials = optuna.load_study(study_name=name, storage=storage).trials
    storage.engine.dispose()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE"]
    assert not list((short_folder / "shared" / "outbox").rglob("*.json"))


def test_no_secret_is_left_anywhere(
    output: str,
    run_command: RunCommand,
    cluster: RayNodes,
    short_folder: Path,
    experiment: Experiment,
):
    known = (MLFLOW_PASSWORD, DATABASE_PASSWORD, cluster.token)
    assert not [secret for secret in known if secret in output]
    shown = [
        path
        for path in short_folder.rglob("*")
        if path.is_file()
        and path.parent.name != "faceseg-secrets"
        and path.name != "faces.npy"
        and any(secret.encode() in path.read_bytes() for secret in known)
    ]
    assert shown == []
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("tiny").experiment_id
    for run in tracker.client.search_runs([made]):
        logged = f"{run.data.params} {run.data.tags}"
        assert not [secret for secret in known if secret in logged]
    jobs = run_command("faceseg", "jobs", RAY_API_SERVER_ADDRESS=cluster.dashboard)
    assert jobs.returncode == 0
    assert "SUCCEEDED" in jobs.stdout
    assert not [secret for secret in known if secret in jobs.stdout]


def test_the_doctor_finds_nothing_wrong(
    output: str, run_command: RunCommand, cluster: RayNodes, logins: dict[str, str]
):
    address = f"resources.address={cluster.address}"
    done = run_command("faceseg", "doctor", "tiny.yaml", "--set", address, **logins)
    assert done.returncode == 0, done.stdout + done.stderr
