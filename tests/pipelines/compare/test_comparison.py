"""`compare_study` with a synthetic study: the files that it writes and the table it prints."""

import io
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from faceseg.errors import UserError
from pipelines.compare import comparison
from pipelines.compare.figures.chart import Chart
from pipelines.compare.report import comparison_report
from pipelines.compare.report.markdown_and_latex import render_markdown
from pipelines.config import Experiment
from pipelines.job.context import outbox_folder

FILES = [
    "comparison.csv",
    "comparison.html",
    "comparison.md",
    "comparison.tex",
    "figures/confusion.png",
    "figures/failures.png",
    "figures/learning_curves.png",
    "figures/occlusion_curves.png",
    "figures/occlusion_map.png",
    "figures/pareto.png",
    "figures/predictions.png",
    "figures/search.png",
]


class FakeTracker:
    """A tracker that stores the files of a run in a local folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def files(self, run_id):
        folder = self.folder / run_id
        folder.mkdir(parents=True)
        yield folder


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def printed(study, report, html, root):
    console = Console(file=io.StringIO(), width=80)
    tracker = FakeTracker(root / "mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "read_study", lambda *arguments: study)
        patch.setattr(comparison, "add_judged", lambda tracker, study: study)
        patch.setattr(comparison, "build_report", lambda *arguments, **options: report)
        patch.setattr(comparison, "render_html", lambda report: html)
        patch.setattr(Chart, "png", lambda chart: b"drawn")  # saves seconds; test_figures saves one
        comparison.compare_study(tracker, Experiment(name="made"), root / "results", console)
    return console.file.getvalue()


def test_the_same_files_are_written_to_the_study_run_and_to_the_folder(printed, root):
    assert files_in(root / "results") == FILES
    assert files_in(root / "mlflow" / "studyrun") == FILES
    html = (root / "results" / "comparison.html").read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert list(pd.read_csv(root / "results" / "comparison.csv").architecture) == [
        "segnet",
        "unet",
        "pspnet",
    ]


def test_the_printed_table_fits_a_terminal(printed):
    assert "0.550 ± 0.071" in printed
    assert "…" not in printed
    assert all(len(line) <= 80 for line in printed.splitlines())


def test_a_study_that_cannot_be_read_is_explained_by_what_mlflow_refused(tracker, tmp_path):
    experiment = Experiment(name="refused", storage=tmp_path)
    record = outbox_folder(experiment, experiment.study) / "unet-final-000-abc" / "00000004.refused"
    record.parent.mkdir(parents=True)
    record.touch()
    record.with_suffix(".reason").write_text("INVALID: val/iou/cheek (left)\ndetails\n")
    with pytest.raises(UserError) as refused:
        comparison.compare_study(tracker, experiment, tmp_path, Console(quiet=True))
    first, second, reason = str(refused.value).splitlines()
    assert "has no experiment 'refused'" in first
    assert second.startswith("MLflow refused 1 records of this study")
    assert reason == "  unet-final-000-abc: INVALID: val/iou/cheek (left)"


MISSING = (
    "unet has 1 of 2 finals: its scores are those of fewer trainings. Failed: final 1: out of "
    "memory at batch size 8."
)


def test_a_missing_final_is_in_the_summary_and_below_the_printed_table(
    study, report, tmp_path, monkeypatch
):
    lost = {"unet": {1: "out of memory at batch size 8"}}
    models = tuple(
        replace(model, finals=model.finals[:1], failed_finals=lost[model.name])
        if model.name in lost
        else model
        for model in study.models
    )
    assert study.missing_finals == []
    incomplete = replace(study, models=models)
    assert incomplete.missing_finals == [MISSING]
    monkeypatch.setattr(comparison_report, "draw_figures", lambda *_: {})
    built = comparison_report.build_report(incomplete, resamples=20)
    assert MISSING in render_markdown(built)
    assert built.summary[0] == MISSING  # the page's first section shows the same list
    console = Console(file=io.StringIO(), width=200)
    monkeypatch.setattr(comparison, "read_study", lambda *_: incomplete)
    monkeypatch.setattr(comparison, "add_judged", lambda _, study: study)
    monkeypatch.setattr(comparison, "build_report", lambda *_, **__: built)
    monkeypatch.setattr(comparison, "render_html", lambda _: "")
    comparison.compare_study(FakeTracker(tmp_path), Experiment(name="made"), tmp_path, console)
    assert console.file.getvalue().rstrip().endswith(MISSING)
