"""Storages of studies that were run: one was finished, the other was killed during a trial."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from pipelines.config import Experiment, load
from tests.end_to_end.earlier_studies import unpack


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Experiment]:
    """Trial 0 of SegNet is complete, trial 1 has two epochs, and one record waits."""
    yield from _unpacked("killed", tmp_path)


@pytest.fixture
def finished(tmp_path: Path) -> Iterator[Experiment]:
    """Two trials and two finals of both networks; one trial of each is pruned."""
    yield from _unpacked("finished", tmp_path)


def _unpacked(name: str, folder: Path) -> Iterator[Experiment]:
    before = mlflow.get_tracking_uri()
    storage = unpack(name, folder)
    yield load(folder / "earlier.yaml", (f"storage={storage}",))
    mlflow.set_tracking_uri(before)
