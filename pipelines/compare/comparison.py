"""`faceseg compare`: the report of one study, and the gains of several studies in order.

The report is written as CSV, Markdown, LaTeX and HTML, to a folder and to the study's MLflow run.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from faceseg.data.atomic_files import write_atomically
from faceseg.errors import UserError
from faceseg.statistics import Estimate, ResampledScore, estimate, estimate_difference
from pipelines.compare.analysis.comparison_table import RESAMPLES, measure_iou
from pipelines.compare.analysis.search_front import (
    FRONT_RANK,
    SearchFront,
    front_table,
    search_fronts,
)
from pipelines.compare.escaping import csv_text, escape_markdown
from pipelines.compare.formatting import DASH, format_score
from pipelines.compare.report.cells import table_texts
from pipelines.compare.report.columns import TERMINAL_COLUMNS
from pipelines.compare.report.comparison_report import build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.report.markdown_and_latex import render_latex, render_markdown
from pipelines.compare.study_data.collection import read_study
from pipelines.compare.study_data.corruption_reference import read_corruption_reference
from pipelines.compare.study_data.judged_rows import add_judged
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy
from pipelines.config import Experiment
from pipelines.job.context import outbox_folder
from pipelines.tracking import Tracker
from pipelines.tracking.refusals import describe_refusals


def compare_study(tracker: Tracker, experiment: Experiment, folder: Path, console: Console) -> None:
    """Build a study's comparison from MLflow, write it and print its table.

    Args:
        tracker: The connection to MLflow, which the study is read from.
        experiment: The experiment that the study ran.
        folder: The folder for a copy of the files; existing files are overwritten.
        console: Where the table is printed.

    Raises:
        UserError: The study is incomplete, or its models were tested on different images. The
            message contains the records of the study that MLflow refused.
    """
    try:
        study = read_study(tracker, experiment.name, experiment.study)
        study = add_judged(tracker, study)
    except UserError as error:
        if refused := describe_refusals(outbox_folder(experiment, experiment.study)):
            raise UserError(f"{error}\n{refused}") from error
        raise
    reference = read_corruption_reference(tracker, experiment)
    report = build_report(study, experiment.claims, reference=reference)
    table = report.table
    with tracker.files(study.run_id) as files:
        (files / "comparison.csv").write_text(csv_text(table), encoding="utf-8")
        (files / "comparison.md").write_text(render_markdown(report), encoding="utf-8")
        (files / "comparison.tex").write_text(render_latex(study, table), encoding="utf-8")
        (files / "comparison.html").write_text(render_html(report), encoding="utf-8")
        if fronts := search_fronts(study):
            (files / "front.csv").write_text(csv_text(front_table(fronts)), encoding="utf-8")
        (files / "figures").mkdir()
        for name, chart in report.charts.items():
            (files / "figures" / f"{name}.png").write_bytes(chart.png())
        write_atomically(
            {
                folder / file.relative_to(files): file.read_bytes()
                for file in sorted(files.rglob("*"))
                if file.is_file()
            }
        )
    log_ranks(tracker, fronts)
    console.print(_terminal_table(study, table_texts(TERMINAL_COLUMNS, table)))
    for sentence in [*study.missing_finals, *study.judged_sentences]:
        console.print(sentence, style="yellow", markup=False, highlight=False)


def log_ranks(tracker: Tracker, fronts: Sequence[SearchFront]) -> None:
    """Log the rank of each trial in its run, unless the run has this rank already."""
    for front in fronts:
        for trial, rank in zip(front.trials, front.ranks, strict=True):
            if trial.metrics.get(FRONT_RANK) != rank:
                tracker.log_metrics(trial.run_id, {FRONT_RANK: float(rank)})


def _terminal_table(study: ComparedStudy, rows: list[list[str]]) -> Table:
    images = len(study.models[0].finals[0].tested.ids)
    title = f"{study.name}: test split, {images} images"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, column in enumerate(TERMINAL_COLUMNS):
        table.add_column(column.heading, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


# --- Several studies in order: what each changed, for every network that two of them share.

GAIN_HEADINGS = ("network", "study", "IoU", "gain over previous study", "95 % interval", "seeds")


def compare_studies(experiments: Sequence[Experiment], console: Console) -> Path:
    """Compare studies in the order given; write `steps.csv` and `steps.md`, and print the table.

    Args:
        experiments: The experiments of the studies.
        console: Where the table is printed.

    Returns:
        The folder of the last experiment, which the files are written to.

    Raises:
        UserError: A study is missing, or was tested on other images than the first.
    """
    studies = [
        read_study(Tracker(each.tracking_uri), each.name, each.study) for each in experiments
    ]
    rows = study_gains(studies)
    last = experiments[-1]
    folder = last.storage / last.name
    texts = {"steps.csv": csv_text(rows), "steps.md": gains_markdown(rows)}
    write_atomically({folder / name: text.encode() for name, text in texts.items()})
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, heading in enumerate(GAIN_HEADINGS):
        table.add_column(heading, justify="right" if index > 1 else "left")
    for cells in gain_cells(rows):
        table.add_row(*cells)
    console.print(table)
    return folder


def study_gains(studies: Sequence[ComparedStudy], resamples: int = RESAMPLES) -> pd.DataFrame:
    """Compute each network's gain in test IoU from study to study.

    Args:
        studies: The studies in order, tested on the same images.
        resamples: The number of bootstrap resamples.

    Returns:
        One row per network and study; networks are in the order in which they first occur.
        `iou` has the interval `low` to `high` over photographs. `gain` is the difference from
        the last earlier study that has the network; its interval `gain_low` to `gain_high`
        includes training noise where there are several seeds. It is NaN without such a study.

    Raises:
        UserError: Two studies were tested on different images or classes.
    """
    require_same_images(studies)
    names = dict.fromkeys(model.name for study in studies for model in study.models)
    rows = []
    for name in names:
        previous: ResampledScore | None = None
        for study in studies:
            model = next((model for model in study.models if model.name == name), None)
            if model is None:
                continue
            current = measure_iou(model.finals, resamples)
            gain = estimate_difference(current, previous) if previous else None
            rows.append(_gain_row(study, model, estimate(current), gain))
            previous = current
    return pd.DataFrame(rows)


def require_same_images(studies: Sequence[ComparedStudy]) -> None:
    """Check that all studies were tested on the same images, with the same labels and classes.

    Raises:
        UserError: A study differs from the first.
    """
    first, *others = studies
    ids = first.models[0].finals[0].tested.ids
    counts = first.models[0].finals[0].tested.counts.sum(axis=2)
    for study in others:
        if study.classes != first.classes:
            raise UserError(
                f"{study.name} and {first.name} have different classes and cannot be compared"
            )
        for final in (final for model in study.models for final in model.finals):
            tested = final.tested
            if tested.ids != ids or not np.array_equal(tested.counts.sum(axis=2), counts):
                raise UserError(
                    f"{study.name} was tested on other images than {first.name}: only studies that "
                    "were tested on the same images, with the same labels, can be compared"
                )


def gain_cells(rows: pd.DataFrame) -> list[list[str]]:
    """Return the cells of the table of gains as text."""
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
    """Return the table of gains as Markdown."""
    cells = [[escape_markdown(cell) for cell in row] for row in gain_cells(rows)]
    lines = [GAIN_HEADINGS, tuple("---" for _ in GAIN_HEADINGS), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _gain_row(
    study: ComparedStudy, model: ComparedModel, iou: Estimate, gain: Estimate | None
) -> dict[str, object]:
    return {
        "network": model.name,
        "study": study.experiment,
        "iou": iou.value,
        "low": iou.fixed_low,
        "high": iou.fixed_high,
        "gain": gain.value if gain else np.nan,
        "gain_low": gain.low if gain else np.nan,
        "gain_high": gain.high if gain else np.nan,
        "seeds": len(model.finals),
        "images": len(model.finals[0].tested.ids),
        "commit": study.commit,
    }
