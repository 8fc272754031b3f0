"""What the tests of the stages share: a real MLflow store on sqlite."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from pipelines.tracking import Tracker


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
