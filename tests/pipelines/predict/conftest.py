"""A network, and a folder in which `faceseg predict` runs."""

from pathlib import Path

import pytest


@pytest.fixture
def network(network_file: Path) -> Path:
    return network_file


@pytest.fixture
def working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Change into the test's folder."""
    monkeypatch.chdir(tmp_path)
