"""Storages of studies that were run: one was finished, the other was killed during a trial."""

from pathlib import Path

import pytest

from pipelines.config import Experiment, load
from tests.end_to_end.earlier_studies import unpack


@pytest.fixture
def killed(tmp_path: Path, same_default_store: None) -> Experiment:
    """Trial 0 of SegNet is complete, trial 1 has two epochs, and one record waits."""
    return _unpacked("killed", tmp_path)


@pytest.fixture
def finished(tmp_path: Path, same_default_store: None) -> Experiment:
    """Two trials and two finals of both networks; one trial of each is pruned."""
    return _unpacked("finished", tmp_path)


def _unpacked(name: str, folder: Path) -> Experiment:
    storage = unpack(name, folder)
    return load(folder / "earlier.yaml", (f"storage={storage}",))
