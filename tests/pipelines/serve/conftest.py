"""Fixtures: networks of three versions, and a source that serves them."""

from pathlib import Path

import pytest

from tests.pipelines.serve.fake_source import FakeSource
from tests.pipelines.serve.sample_photographs import network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return networks: red is class 1 for version 1 and class 6 for version 2; 3 is damaged."""
    folder = tmp_path_factory.mktemp("networks")
    network(folder / "1.keras", red=1)
    network(folder / "2.keras", red=6)
    (folder / "3.keras").write_text("no network", encoding="utf-8")
    return folder


@pytest.fixture
def registry(folder: Path) -> FakeSource:
    return FakeSource("models:/served/1", folder)
