"""Fixtures of all rooms: MLflow stores on sqlite, the command line, a small network."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest

from pipelines.cli import commands
from pipelines.tracking import Tracker
from tests.infra.mlflow_server import AUTHENTICATION, MlflowServer, running

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.fixture
def same_default_store() -> Iterator[None]:
    """Restore MLflow's default store, which a tracker sets, after the test."""
    before = mlflow.get_tracking_uri()
    yield
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """Yield one MLflow store for all tests: creating its tables takes seconds."""
    before = mlflow.get_tracking_uri()
    yield Tracker(f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")
    mlflow.set_tracking_uri(before)


@pytest.fixture
def experiment_id(tracker: Tracker, tmp_path: Path) -> str:
    """Return a new MLflow experiment whose artifacts are in the test's own folder."""
    return tracker.experiment(tmp_path.name, tmp_path / "artifacts")


@pytest.fixture(scope="session")
def authenticated_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Yield an MLflow server on sqlite that requires users to sign in."""
    folder = tmp_path_factory.mktemp("registry")
    auth = folder / "auth.ini"
    content = AUTHENTICATION.read_text(encoding="utf-8")
    auth.write_text(content.replace("postgresql+psycopg:///mlflow", f"sqlite:///{folder}/auth.db"))
    with running(folder, f"sqlite:///{folder / 'mlflow.db'}", auth=auth) as started:
        yield started


@pytest.fixture
def authenticated_tracker(
    authenticated_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tracker]:
    """Yield a tracker at the authenticated server, signed in as its administrator."""
    before = mlflow.get_tracking_uri()
    for name, value in authenticated_server.credentials.items():
        monkeypatch.setenv(name, value)
    yield Tracker(authenticated_server.uri)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Return the name of a registered model that no other test uses."""
    return f"model-{tmp_path.name}"


@pytest.fixture
def run_faceseg(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunFaceseg]:
    """Yield a function that runs `faceseg WORDS` in this process.

    It returns the exit code, and standard output followed by standard error.
    """
    handler, environment = signal.getsignal(signal.SIGTERM), dict(os.environ)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["faceseg", *map(str, words)])
        with pytest.raises(SystemExit) as exited:
            commands.main()
        output = capsys.readouterr()
        code = exited.value.code
        return code if isinstance(code, int) else 0, output.out + output.err

    yield run
    signal.signal(signal.SIGTERM, handler)
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture(scope="session")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a network whose predictions are known: one 1x1 convolution at 32 px.

    Red pixels are skin (1) and blue ones the right brow (3). Green ones are the left brow (2);
    the logit of the nose (6) is 0.7 of that.
    """
    import keras

    from faceseg.data.classes import LAPA
    from faceseg.networks.saving import save_network

    image = keras.Input((32, 32, 3))
    kernel = np.zeros((1, 1, 3, 11), dtype=np.float32)
    kernel[0, 0, [0, 1, 2, 1], [1, 2, 3, 6]] = [1, 1, 1, 0.7]
    layer = keras.layers.Conv2D(11, 1, kernel_initializer=keras.initializers.Constant(kernel))
    path = tmp_path_factory.mktemp("network") / "best.keras"
    save_network(keras.Model(image, layer(image)), path, LAPA, {"made_for": "a test"})
    return path
