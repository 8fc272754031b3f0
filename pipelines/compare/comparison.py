"""The last stage: the table as CSV, Markdown, LaTeX and one HTML page, kept here and in MLflow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from faceseg.errors import UserError
from faceseg.statistics import Estimate, ResampledScore, estimate, estimate_difference
from pipelines.compare.analysis.comparison_table import RESAMPLES, measure_iou
from pipelines.compare.formatting import DASH, format_score
from pipelines.compare.report.columns import TERMINAL_COLUMNS, table_texts
from pipelines.compare.report.comparison_report import build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.report.markdown_and_latex import render_latex, render_markdown
from pipelines.compare.study_data.collection import read_study
from pipelines.compare.study_data.corruption_reference import read_corruption_reference
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults
from pipelines.config import Experiment
from pipelines.tracking import Tracker


def compare_study(tracker: Tracker, experiment: Experiment, folder: Path, console: Console) -> None:
    """Build the comparison from MLflow, write it to `folder` and to the study's run, print it."""
    record = read_study(tracker, experiment.name, experiment.study)
    reference = read_corruption_reference(tracker, experiment)
    report = build_report(record, experiment.claims, reference=reference)
    table = report.table
    with tracker.files(record.run_id) as files:
        table.to_csv(files / "comparison.csv", index=False)
        (files / "comparison.md").write_text(render_markdown(report), encoding="utf-8")
        (files / "comparison.tex").write_text(render_latex(record, table), encoding="utf-8")
        (files / "comparison.html").write_text(render_html(report), encoding="utf-8")
        (files / "figures").mkdir()
        for name, chart in report.charts.items():
            (files / "figures" / f"{name}.png").write_bytes(chart.png())
        _copy_files(files, folder)
    console.print(_terminal_table(record, table_texts(TERMINAL_COLUMNS, table)))


def _copy_files(files: Path, folder: Path) -> None:
    """Copy a tree of files; each takes the place of an older one whole or not at all."""
    for file in sorted(path for path in files.rglob("*") if path.is_file()):
        target = folder / file.relative_to(files)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}")
        unfinished.write_bytes(file.read_bytes())
        unfinished.replace(target)


def _terminal_table(record: StudyResults, rows: list[list[str]]) -> Table:
    images = len(record.models[0].finals[0].tested.ids)
    title = f"{record.study}: test split, {images} images"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, column in enumerate(TERMINAL_COLUMNS):
        table.add_column(column.heading, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


# --- Several studies, one after the other: what each changed for every network that two of them have.
#
# Answers what a correction was worth: a row a study and network, with its gain over the study before.
# All must have been tested on the same images; how they were trained is what differs.

GAIN_HEADINGS = ("network", "study", "IoU", "gain on the study before", "95 % interval", "seeds")


def compare_studies(experiments: Sequence[Experiment], console: Console) -> Path:
    """Compare studies in the order given; write steps.csv and steps.md beside the last report.

    Returns their folder. UserError if a study is missing or was tested on other images.
    """
    records = [
        read_study(Tracker(each.tracking_uri), each.name, each.study) for each in experiments
    ]
    rows = study_gains(records)
    last = experiments[-1]
    folder = last.storage / last.name
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / "steps.csv", index=False)
    (folder / "steps.md").write_text(gains_markdown(rows), encoding="utf-8")
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(GAIN_HEADINGS):
        table.add_column(heading, justify="right" if place > 1 else "left")
    for cells in gain_cells(rows):
        table.add_row(*cells)
    console.print(table)
    return folder


def study_gains(records: Sequence[StudyResults], resamples: int = RESAMPLES) -> pd.DataFrame:
    """Return a row a network and study, networks in the order of the first study that has them.

    `iou` with `low` and `high` (photographs alone); `gain` over the last study before it that has
    the network, with `gain_low` and `gain_high` (training noise included where there are seeds).
    """
    require_same_images(records)
    names = dict.fromkeys(each.name for record in records for each in record.models)
    rows = []
    for name in names:
        before: ResampledScore | None = None
        for record in records:
            contender = next((each for each in record.models if each.name == name), None)
            if contender is None:
                continue
            now = measure_iou(contender.finals, resamples)
            gain = estimate_difference(now, before) if before else None
            rows.append(_gain_row(record, contender, estimate(now), gain))
            before = now
    return pd.DataFrame(rows)


def require_same_images(records: Sequence[StudyResults]) -> None:
    """Raise UserError if two studies were tested on other images or other classes."""
    first, *others = records
    ids = first.models[0].finals[0].tested.ids
    counts = first.models[0].finals[0].tested.counts.sum(axis=2)
    for record in others:
        if record.classes != first.classes:
            raise UserError(
                f"{record.study} and {first.study} have other classes: nothing to compare"
            )
        for final in (final for each in record.models for final in each.finals):
            tested = final.tested
            if tested.ids != ids or not np.array_equal(tested.counts.sum(axis=2), counts):
                raise UserError(
                    f"{record.study} was tested on other images than {first.study}: studies can be "
                    "compared on the same images alone, with the same labels at their own size"
                )


def gain_cells(rows: pd.DataFrame) -> list[list[str]]:
    """Return the cells as people read them."""
    return [
        [
            str(row["network"]),
            str(row["study"]),
            f"{format_score(row['iou'])} ({row['low']:.3f} to {row['high']:.3f})",
            f"{row['gain']:+.3f}" if np.isfinite(row["gain"]) else DASH,
            f"{row['gain_low']:+.3f} to {row['gain_high']:+.3f}"
            if np.isfinite(row["gain_low"])
            else DASH,
            str(row["seeds"]),
        ]
        for row in rows.to_dict("records")
    ]


def gains_markdown(rows: pd.DataFrame) -> str:
    """Return the table as Markdown."""
    lines = [GAIN_HEADINGS, tuple("---" for _ in GAIN_HEADINGS), *gain_cells(rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _gain_row(
    record: StudyResults, contender: ComparedModel, now: Estimate, gain: Estimate | None
) -> dict[str, object]:
    return {
        "network": contender.name,
        "study": record.experiment,
        "iou": now.value,
        "low": now.fixed_low,
        "high": now.fixed_high,
        "gain": gain.value if gain else np.nan,
        "gain_low": gain.low if gain else np.nan,
        "gain_high": gain.high if gain else np.nan,
        "seeds": len(contender.finals),
        "images": len(contender.finals[0].tested.ids),
        "commit": record.commit,
    }
