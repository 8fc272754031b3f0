"""The last stage: the table as CSV, Markdown and one HTML page, kept here and in MLflow."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipelines.compare.collect import Record, collect
from pipelines.compare.markdown import cells, markdown
from pipelines.compare.page import page
from pipelines.compare.table import build_table
from pipelines.config import Experiment
from pipelines.tracking import Tracker

SHOWN = ("architecture", "IoU", "95 % interval", "Dice", "small parts", "occluded", "ms")


def run(tracker: Tracker, experiment: Experiment, folder: Path, console: Console) -> None:
    """Build the comparison from MLflow, write it to `folder` and to the study's run, print it."""
    record = collect(tracker, experiment.name, experiment.study)
    table = build_table(record)
    with tracker.files(record.run_id) as files:
        table.to_csv(files / "comparison.csv", index=False)
        (files / "comparison.md").write_text(markdown(record, table), encoding="utf-8")
        (files / "comparison.html").write_text(page(record, table), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for file in files.iterdir():
            unfinished = folder / f".{file.name}"
            unfinished.write_bytes(file.read_bytes())
            unfinished.replace(folder / file.name)
    _print(record, cells(table), console)


def _print(record: Record, rows: list[dict[str, str]], console: Console) -> None:
    images = len(record.contenders[0].finals[0].test_ids)
    table = Table(title=f"{record.study}: test split, {images} images", title_justify="left")
    for column in SHOWN:
        table.add_column(column, justify="left" if column == "architecture" else "right")
    for row in rows:
        table.add_row(*(row[column] for column in SHOWN))
    console.print(table)
