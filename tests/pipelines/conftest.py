"""What the tests of the stages share: a real MLflow store on sqlite, the command line."""

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

RunFaceseg = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """One store for all tests, whose tables take seconds to make; each has its experiment."""
    before = mlflow.get_tracking_uri()
    yield Tracker(f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}")
    mlflow.set_tracking_uri(before)


@pytest.fixture
def experiment_id(tracker: Tracker, tmp_path: Path) -> str:
    """A new MLflow experiment that keeps its files in the test's own folder."""
    return tracker.experiment(tmp_path.name, tmp_path / "artifacts")


@pytest.fixture
def say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[RunFaceseg]:
    """Run `faceseg WORDS` in this process; return its exit code and all that it said."""
    heeded, before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["faceseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out + said.err

    yield run
    signal.signal(signal.SIGTERM, heeded)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose answers are known: one 1x1 convolution at 32 px.

    Red pixels are skin (1), green ones the left brow (2) or else, with 0.7 of that, the nose
    (6), blue ones the right brow (3).
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
