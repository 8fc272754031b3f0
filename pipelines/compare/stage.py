"""The last stage: the table as CSV, Markdown, LaTeX and one HTML page, kept here and in MLflow."""

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pipelines.compare.collect import Record, collect
from pipelines.compare.latex import latex
from pipelines.compare.markdown import markdown
from pipelines.compare.page import page
from pipelines.compare.reference import read_reference
from pipelines.compare.report import build_report
from pipelines.compare.sections import TERMINAL, texts
from pipelines.config import Experiment
from pipelines.tracking import Tracker


def run(tracker: Tracker, experiment: Experiment, folder: Path, console: Console) -> None:
    """Build the comparison from MLflow, write it to `folder` and to the study's run, print it."""
    record = collect(tracker, experiment.name, experiment.study)
    reference = read_reference(tracker, experiment)
    report = build_report(record, experiment.claims, reference=reference)
    table = report.table
    with tracker.files(record.run_id) as files:
        table.to_csv(files / "comparison.csv", index=False)
        (files / "comparison.md").write_text(markdown(report), encoding="utf-8")
        (files / "comparison.tex").write_text(latex(record, table), encoding="utf-8")
        (files / "comparison.html").write_text(page(report), encoding="utf-8")
        (files / "figures").mkdir()
        for name, chart in report.charts.items():
            (files / "figures" / f"{name}.png").write_bytes(chart.png())
        _copy(files, folder)
    console.print(_printed(record, texts(TERMINAL, table)))


def _copy(files: Path, folder: Path) -> None:
    """Copy a tree of files; each takes the place of an older one whole or not at all."""
    for file in sorted(path for path in files.rglob("*") if path.is_file()):
        target = folder / file.relative_to(files)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}")
        unfinished.write_bytes(file.read_bytes())
        unfinished.replace(target)


def _printed(record: Record, rows: list[list[str]]) -> Table:
    images = len(record.contenders[0].finals[0].tested.ids)
    title = f"{record.study}: test split, {images} images"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(TERMINAL):
        table.add_column(column.heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table
