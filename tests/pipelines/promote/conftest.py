"""Planted studies in real MLflow stores, and `faceseg` as a person calls it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import mlflow
import pytest

from pipelines.config import load
from pipelines.tracking import Tracker
from tests.infra.mlflow_server import AUTHENTICATION, MlflowServer, running
from tests.pipelines.promote.synthetic_studies import SyntheticFinal, write_experiment, write_study

Study = Callable[..., Path]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """MLflow on sqlite, with users."""
    folder = tmp_path_factory.mktemp("registry")
    auth = folder / "auth.ini"
    ours = AUTHENTICATION.read_text(encoding="utf-8")
    auth.write_text(ours.replace("postgresql+psycopg:///mlflow", f"sqlite:///{folder}/auth.db"))
    with running(folder, f"sqlite:///{folder / 'mlflow.db'}", auth=auth) as started:
        yield started


@pytest.fixture
def signed_in(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    """The server, by who may do everything."""
    before = mlflow.get_tracking_uri()
    for name, value in server.credentials.items():
        monkeypatch.setenv(name, value)
    yield Tracker(server.uri)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The name of a registered model that nobody else has."""
    return f"model-{tmp_path.name}"


@pytest.fixture
def planted(tmp_path: Path, model: str) -> Callable[..., Path]:
    """Plant a study: `planted(tracker, "name", Plan(...))` gives its experiment's path."""

    def make(tracker: Tracker, name: str, *plans: SyntheticFinal) -> Path:
        path = write_experiment(tmp_path, f"{name}-{model}", tracker.uri, model)
        write_study(tracker, load(path), *plans)
        return path

    return make


@pytest.fixture
def study(tracker: Tracker, planted: Callable[..., Path]) -> Study:
    """Plant a study in the store on sqlite."""
    return partial(planted, tracker)
