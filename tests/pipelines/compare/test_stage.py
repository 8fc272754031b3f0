import io
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from pipelines.compare import stage
from pipelines.config import Experiment

FILES = [
    "comparison.csv",
    "comparison.html",
    "comparison.md",
    "figures/confusion.png",
    "figures/learning_curves.png",
    "figures/occlusion_curves.png",
    "figures/predictions.png",
]


class FakeTracker:
    """Keeps what a run is given in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def files(self, run_id):
        folder = self.folder / run_id
        folder.mkdir(parents=True)
        yield folder


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.fixture
def printed(record, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "collect", lambda tracker, experiment, study: record)
    console = Console(file=io.StringIO(), width=80)
    tracker = FakeTracker(tmp_path / "mlflow")
    stage.run(tracker, Experiment(name="made"), tmp_path / "results", console)
    return console.file.getvalue()


def test_the_study_run_and_the_folder_get_the_same_files(printed, tmp_path):
    assert below(tmp_path / "results") == FILES
    assert below(tmp_path / "mlflow" / "studyrun") == FILES
    html = (tmp_path / "results" / "comparison.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert list(pd.read_csv(tmp_path / "results" / "comparison.csv").architecture) == [
        "segnet",
        "unet",
        "pspnet",
    ]


def test_the_printed_table_fits_a_terminal(printed):
    assert "0.550 ± 0.071" in printed
    assert "…" not in printed
    assert all(len(line) <= 80 for line in printed.splitlines())
