"""What infra/ claims, as processes of this machine: a study from nothing to its table.

PostgreSQL, MLflow with authentication, and a Ray head with two nodes that want a token; the study
is submitted from a machine that knows the token alone.
"""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import optuna
import pytest

from pipelines.config import Experiment, load
from pipelines.tracking import Tracker
from tests.infra.mlflow_server import PASSWORD as MLFLOW_PASSWORD
from tests.infra.postgres import PASSWORD as DATABASE_PASSWORD
from tests.infra.ray_nodes import RayNodes

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]
Say = Callable[..., CompletedProcess[str]]


@pytest.fixture
def experiment(work: Path, node: None) -> Experiment:
    """The study's settings, as a node reads them."""
    return load(work / "tiny.yaml")


@pytest.fixture(scope="module")
def said(say: Say, cluster: RayNodes) -> str:
    """Submit the study; return what was said."""
    done = say("faceseg", "submit", "tiny.yaml", "--address", cluster.dashboard)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_study_is_submitted_and_ends_with_its_table(said: str, work: Path, place: Path):
    report = place / "shared" / "tiny" / "comparison.html"
    assert f"report: {report}" in said
    assert report.is_file()
    assert not (work / "results").exists()


def test_rays_own_command_submits_the_same_study(said: str, say: Say, cluster: RayNodes):
    """It knows nothing of ours but `faceseg study`, and finds that all is done."""
    again = say(
        *("ray", "job", "submit", "--address", cluster.dashboard, "--working-dir", "."),
        *("--runtime-env-json", json.dumps({"excludes": ["data"]})),
        *("--", "faceseg", "study", "tiny.yaml"),
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert "is finished: every trial and final is there" in again.stdout


def test_its_runs_are_on_the_server_and_its_trials_in_the_database(
    said: str, experiment: Experiment, place: Path
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
    assert not list((place / "shared" / "outbox").rglob("*.json"))


def test_no_secret_is_left_anywhere(
    said: str, say: Say, cluster: RayNodes, place: Path, experiment: Experiment
):
    known = (MLFLOW_PASSWORD, DATABASE_PASSWORD, cluster.token)
    assert not [secret for secret in known if secret in said]
    shown = [
        path
        for path in place.rglob("*")
        if path.is_file()
        and path.parent.name != "faceseg-secrets"
        and path.name != "faces.npy"
        and any(secret.encode() in path.read_bytes() for secret in known)
    ]
    assert shown == []
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("tiny").experiment_id
    for run in tracker.client.search_runs([made]):
        told = f"{run.data.params} {run.data.tags}"
        assert not [secret for secret in known if secret in told]
    jobs = say("faceseg", "jobs", RAY_API_SERVER_ADDRESS=cluster.dashboard)
    assert jobs.returncode == 0
    assert "SUCCEEDED" in jobs.stdout
    assert not [secret for secret in known if secret in jobs.stdout]


def test_the_doctor_finds_nothing_wrong(
    said: str, say: Say, cluster: RayNodes, logins: dict[str, str]
):
    address = f"resources.address={cluster.address}"
    done = say("faceseg", "doctor", "tiny.yaml", "--set", address, **logins)
    assert done.returncode == 0, done.stdout + done.stderr
