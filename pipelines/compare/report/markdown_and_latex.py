"""The comparison as Markdown, for a repository or a message, and its table as LaTeX."""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from pipelines.compare.analysis.comparison_table import occlusion_kinds, other_suites
from pipelines.compare.analysis.slices import worst_slice_sentences
from pipelines.compare.escaping import escape_latex, escape_markdown
from pipelines.compare.formatting import TextTable, format_count
from pipelines.compare.report import comparison_text
from pipelines.compare.report.cells import class_rows, filled_columns, table_texts
from pipelines.compare.report.columns import (
    Column,
    kind_columns,
    markdown_tables,
    suite_columns,
)
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.report.method import limits, method, notes
from pipelines.compare.study_data.study_results import ComparedStudy
from pipelines.compare.study_data.worker_time import worker_time_sentences, worker_time_table


def render_markdown(report: ComparisonReport) -> str:
    """Return the comparison as Markdown."""
    study, table, names = report.study, report.table, report.names
    lines = [f"# {escape_markdown(study.experiment)}: comparison", ""]
    lines += [
        f"- **{escape_markdown(f'{advice.question}: {advice.name}')}** "
        + escape_markdown(f"({advice.certainty}). {advice.figure}. {advice.words}")
        for advice in report.advice
    ]
    lines += _paragraph(report.summary)
    for title, columns in markdown_tables(table):
        lines += _columns(title, columns, table)
    lines += _section("Comparison of every two networks", comparison_text.pair_table(report.pairs))
    lines += _section("Claims of the reference study", comparison_text.claim_table(report.claims))
    lines += _section("Claims of this experiment", comparison_text.claim_table(report.own_claims))
    kinds = kind_columns(occlusion_kinds(study))
    lines += _columns("Retention by kind of occlusion", kinds, table)
    suites = suite_columns(other_suites(study), table)
    lines += _columns("Corruption and geometry", suites, table)
    lines += ["", "## IoU by class", "", _row(["class", *names]), _ruler(len(names) + 1)]
    lines += [_row(row) for row in class_rows(study.classes.names, table)]
    lines += _section(
        "Slices of the test images", comparison_text.slice_table(report.slices, names)
    )
    lines += _list(worst_slice_sentences(report.slices, names))
    lines += _section("What mattered in the search", comparison_text.setting_table(report.searches))
    lines += _list(comparison_text.importance_notes(report.searches))
    lines += ["", "## Time of the workers", *_paragraph(worker_time_sentences(study.worker_time))]
    lines += _lines(worker_time_table(study.worker_time, names))
    lines += ["", "## Method", *_paragraph(method(study, table, report.measurements))]
    lines += ["", "## Limits", *_list(limits(report))]
    lines += ["", "## Notes", *_list(notes(study, table))]
    return "\n".join(lines) + "\n"


def _paragraph(sentences: Iterable[str]) -> list[str]:
    """Return an empty line and the sentences on one line."""
    return ["", escape_markdown(" ".join(sentences))]


def _list(sentences: Iterable[str]) -> list[str]:
    """Return an empty line and a list item for each sentence."""
    return ["", *(f"- {escape_markdown(each)}" for each in sentences)]


def _section(title: str, table: TextTable) -> list[str]:
    """Return a section with a table; [] if the table has no rows."""
    return ["", f"## {title}", *_lines(table)] if table.rows else []


def _lines(table: TextTable) -> list[str]:
    """Return an empty line and a table; [] if the table has no rows."""
    if not table.rows:
        return []
    header = [_row(list(table.headings)), _ruler(len(table.headings))]
    return ["", *header, *map(_row, table.rows)]


def _columns(title: str, columns: tuple[Column, ...], table: pd.DataFrame) -> list[str]:
    """Return a section with the columns that have values; [] if none has."""
    filled = filled_columns(columns, table)
    if not filled:
        return []
    header = [column.heading for column in filled]
    rows = (_row(row) for row in table_texts(filled, table))
    return ["", f"## {title}", "", _row(header), _ruler(len(header)), *rows]


def _ruler(columns: int) -> str:
    return _row(["---", *["---:"] * (columns - 1)])


def _row(values: list[str]) -> str:
    """Return a line of a table; vertical bars are escaped too: they would split a cell."""
    return "| " + " | ".join(escape_markdown(value) for value in values) + " |"


# --- The table as LaTeX with booktabs, for a paper.

LATEX_HEADINGS = (
    "network", "IoU", r"95\,\% interval", "Dice", "small parts", "boundary", "occluded",
    "ms", "parameters",
)  # fmt: skip


def render_latex(study: ComparedStudy, table: pd.DataFrame) -> str:
    """Return the table as a LaTeX `table` environment, which needs the package booktabs."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    images, seeds = int(table["test_images"].iloc[0]), int(table["finals"].min())
    caption = (
        f"{escape_latex(study.experiment)}: {images} test images, {seeds} "
        f"seed{'s' if seeds > 1 else ''} per network ($\\pm$: standard deviation over seeds). IoU "
        "and Dice are means over the foreground classes; the interval is a bootstrap interval over "
        "photographs; `boundary' is the boundary IoU; `occluded' is the mean IoU under occ-v1; ms "
        "is the median time for one image in milliseconds."
    )
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{caption}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(LATEX_HEADINGS) - 1)}}}",
            r"\toprule",
            " & ".join(LATEX_HEADINGS) + r" \\",
            r"\midrule",
            *(" & ".join(_latex_cells(row)) + r" \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _latex_cells(row: dict[Any, Any]) -> list[str]:
    interval = (
        "--" if math.isnan(row["iou_low"]) else f"{row['iou_low']:.3f}--{row['iou_high']:.3f}"
    )
    return [
        escape_latex(str(row["architecture"])),
        _latex_mean(row, "iou"),
        interval,
        *(_latex_mean(row, key) for key in ("dice", "iou_small", "boundary_iou", "occluded_iou")),
        _latex_mean(row, "latency_p50_ms", 1),
        format_count(row["model_parameters"]).replace(" ", r"\,"),
    ]


def _latex_mean(row: dict[Any, Any], key: str, digits: int = 3) -> str:
    value, deviation = row[key], row[f"{key}_sd"]
    if math.isnan(value):
        return "--"
    text = f"{value:.{digits}f}"
    return text if math.isnan(deviation) else f"${text} \\pm {deviation:.{digits}f}$"
