"""What the tests of the stages share: a real MLflow store on sqlite, the command line."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from pipelines import cli
from pipelines.tracking import Tracker

Say = Callable[..., tuple[int, str]]


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
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Say]:
    """Run `faceseg WORDS` in this process; return its exit code and all that it said."""
    heeded, before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["faceseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, said.out + said.err

    yield run
    signal.signal(signal.SIGTERM, heeded)
    os.environ.clear()
    os.environ.update(before)
