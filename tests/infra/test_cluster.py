"""What infra/ claims, as processes of this machine: a study from nothing to its table.

PostgreSQL, MLflow with authentication, and a Ray head with two nodes that want a token; the study
is submitted from a machine that knows the token alone.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from pipelines.config import Experiment, load
from pipelines.tracking import Tracker
from tests.infra import ray_nodes
from tests.infra.mlflow_server import PASSWORD as MLFLOW_PASSWORD
from tests.infra.mlflow_server import MlflowServer
from tests.infra.postgres import PASSWORD as DATABASE_PASSWORD
from tests.infra.postgres import Postgres
from tests.infra.ray_nodes import RayNodes

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]

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


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a short name, for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="fs-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def logins(place: Path, postgres: Postgres, mlflow_server: MlflowServer) -> dict[str, str]:
    """What nodes know, and the machine that submits does not."""
    return {
        **mlflow_server.credentials,
        "PGPASSWORD": DATABASE_PASSWORD,
        "FACESEG_TEST_MLFLOW": mlflow_server.uri,
        "FACESEG_TEST_OPTUNA": f"postgresql+psycopg://faceseg@127.0.0.1:{postgres.port}/optuna",
        "FACESEG_TEST_STORAGE": str(place / "shared"),
    }


@pytest.fixture(scope="module")
def cluster(place: Path, logins: dict[str, str]) -> Iterator[RayNodes]:
    with ray_nodes.running(place, logins) as nodes:
        yield nodes


@pytest.fixture
def experiment(work: Path, logins: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The study's settings, and all that a node knows in this test's environment."""
    for name, value in logins.items():
        monkeypatch.setenv(name, value)
    return load(work / "tiny.yaml")


@pytest.fixture(scope="module")
def work(place: Path) -> Path:
    """The folder that a study is submitted from."""
    folder = place / "work"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return folder


def faceseg(folder: Path, environment: dict[str, str], *words: str) -> tuple[int, str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [Path(sys.executable).with_name("faceseg"), *words],
        cwd=folder,
        env={**known, "COLUMNS": "200", "TERM": "dumb", **environment},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(cluster: RayNodes, work: Path) -> str:
    """Submit the study; return what was said."""
    code, text = faceseg(
        work, cluster.client, "submit", "tiny.yaml", "--address", cluster.dashboard
    )
    assert code == 0, text
    return text


def test_a_study_is_submitted_and_ends_with_its_table(said: str, place: Path):
    assert "unet" in said
    assert (place / "shared" / "tiny" / "comparison.html").is_file()


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
    said: str, cluster: RayNodes, place: Path, experiment: Experiment
):
    known = (MLFLOW_PASSWORD, DATABASE_PASSWORD, cluster.token)
    assert not [secret for secret in known if secret in said]
    shown = [
        path
        for path in place.rglob("*")
        if path.is_file()
        and path.parent.name != "faceseg-secrets"
        and any(secret.encode() in path.read_bytes() for secret in known)
    ]
    assert shown == []
    tracker = Tracker(experiment.tracking_uri)
    made = tracker.client.get_experiment_by_name("tiny").experiment_id
    for run in tracker.client.search_runs([made]):
        told = f"{run.data.params} {run.data.tags}"
        assert not [secret for secret in known if secret in told]
    code, text = faceseg(place, cluster.client, "jobs", "--address", cluster.dashboard)
    assert code == 0
    assert "SUCCEEDED" in text
    assert not [secret for secret in known if secret in text]


def test_the_doctor_finds_nothing_wrong(
    said: str, cluster: RayNodes, work: Path, logins: dict[str, str]
):
    address = f"resources.address={cluster.address}"
    code, text = faceseg(work, cluster.client | logins, "doctor", "tiny.yaml", "--set", address)
    assert code == 0, text


def test_who_has_no_token_or_another_can_start_nothing(cluster: RayNodes, work: Path, place: Path):
    wrong = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    for environment in (wrong, {"HOME": str(place / "nobody")}):
        code, text = faceseg(
            work, environment, "submit", "tiny.yaml", "--address", cluster.dashboard
        )
        assert code == 2, text
        assert "token" in text
        assert "Traceback" not in text
