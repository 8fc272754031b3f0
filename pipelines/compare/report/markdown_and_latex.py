"""The comparison for a repository or a message: one table a subject, then what to know of it."""

import math
from typing import Any

import pandas as pd

from pipelines.compare.analysis.comparison_table import occlusion_kinds, other_suites
from pipelines.compare.analysis.slices import worst_slice_sentences
from pipelines.compare.formatting import TextTable, format_count
from pipelines.compare.report import comparison_text
from pipelines.compare.report.columns import (
    MARKDOWN_TABLES,
    Column,
    class_rows,
    kind_columns,
    suite_columns,
    table_texts,
)
from pipelines.compare.report.comparison_report import ComparisonReport
from pipelines.compare.report.method import limits, method, notes
from pipelines.compare.study_data.study_results import StudyResults
from pipelines.compare.study_data.worker_time import worker_time_sentences, worker_time_table


def render_markdown(report: ComparisonReport) -> str:
    """Return the comparison as Markdown."""
    record, table, names = report.study, report.table, report.names
    lines = [f"# {record.experiment}: comparison", ""]
    lines += [f"- **{each.question}: {each.name}** ({each.certainty}). {each.figure}; {each.words}"
              for each in report.advice]  # fmt: skip
    lines += ["", " ".join(report.summary)]
    for title, columns in MARKDOWN_TABLES:
        lines += ["", f"## {title}", "", *_table(columns, table)]
    lines += _section("Every two compared", comparison_text.pair_table(report.pairs))
    lines += _section("The reference study's claims", comparison_text.claim_table(report.claims))
    lines += _section("Claims of this experiment", comparison_text.claim_table(report.own_claims))
    kept = kind_columns(occlusion_kinds(record))
    lines += ["", "## Share of the IoU kept, by kind of occlusion", "", *_table(kept, table)]
    if suites := other_suites(record):
        lines += [
            "",
            "## Corruption and geometry",
            "",
            *_table(suite_columns(suites, table), table),
        ]
    lines += ["", "## IoU by class", "", _row(["class", *names]), _ruler(len(names) + 1)]
    lines += [_row(row) for row in class_rows(record.classes.names, table)]
    lines += _section(
        "Slices of the test images", comparison_text.slice_table(report.slices, names)
    )
    lines += ["", *(f"- {each}" for each in worst_slice_sentences(report.slices, names))]
    lines += _section("What mattered in the search", comparison_text.setting_table(report.searches))
    lines += ["", *(f"- {each}" for each in comparison_text.importance_notes(report.searches))]
    lines += ["", "## Where the time went", "", *worker_time_sentences(record.worker_time)]
    lines += _lines(worker_time_table(record.worker_time, names))
    lines += ["", "## Method", "", " ".join(method(record, table, report.evidence))]
    lines += ["", "## Limits", "", *(f"- {each}" for each in limits(report))]
    lines += ["", "## Notes", "", *(f"- {note}" for note in notes(record, table))]
    return "\n".join(lines) + "\n"


def _section(title: str, grid: TextTable) -> list[str]:
    """Return a section with a table; nothing if the table has no rows."""
    return ["", f"## {title}", *_lines(grid)] if grid.rows else []


def _lines(grid: TextTable) -> list[str]:
    """Return an empty line and a table; nothing if the table has no rows."""
    if not grid.rows:
        return []
    header = [_row(list(grid.headings)), _ruler(len(grid.headings))]
    return ["", *header, *map(_row, grid.rows)]


def _table(columns: tuple[Column, ...], table: pd.DataFrame) -> list[str]:
    header = [column.heading for column in columns]
    return [_row(header), _ruler(len(header)), *(_row(row) for row in table_texts(columns, table))]


def _ruler(columns: int) -> str:
    return _row(["---", *["---:"] * (columns - 1)])


def _row(values: list[str]) -> str:
    """Return a line of a table; a bar in a name would split its cell."""
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"


# --- The table for a paper: LaTeX with booktabs.

SPECIAL = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
LATEX_HEADINGS = (
    "network", "IoU", r"95\,\% interval", "Dice", "small parts", "outlines", "occluded",
    "ms", "parameters",
)  # fmt: skip


def render_latex(record: StudyResults, table: pd.DataFrame) -> str:
    """Return a `table` environment; it needs the package booktabs."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    images, seeds = int(table["test_images"].iloc[0]), int(table["finals"].min())
    caption = (
        f"{escape_latex(record.experiment)}: {images} test images, {seeds} "
        f"seed{'s' if seeds > 1 else ''} a network ($\\pm$: standard deviation over seeds). IoU "
        "and Dice are means over the foreground classes; the interval is a bootstrap over "
        "photographs; `occluded' is the mean IoU under occ-v1; ms is the median time of an image."
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


def escape_latex(text: str) -> str:
    """Return text in which nothing means anything to TeX."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


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
