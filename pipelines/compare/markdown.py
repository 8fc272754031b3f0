"""The comparison for a repository or a message: one table a subject, then what to know of it."""

import pandas as pd

from pipelines.compare import grids
from pipelines.compare.grids import Grid
from pipelines.compare.method import limits, method, notes
from pipelines.compare.report import Report
from pipelines.compare.sections import MARKDOWN, Column, by_kind, by_suite, class_rows, texts
from pipelines.compare.slicing import worst_words
from pipelines.compare.spending import spending_grid, spending_notes
from pipelines.compare.table import kinds, other_suites


def markdown(report: Report) -> str:
    """Return the comparison as Markdown."""
    record, table, names = report.record, report.table, report.names
    lines = [f"# {record.experiment}: comparison", ""]
    lines += [f"- **{each.question}: {each.name}** ({each.certainty}). {each.figure}; {each.words}"
              for each in report.advice]  # fmt: skip
    lines += ["", " ".join(report.summary)]
    for title, columns in MARKDOWN:
        lines += ["", f"## {title}", "", *_table(columns, table)]
    lines += _section("Every two compared", grids.pair_grid(report.pairs))
    lines += _section("The reference study's claims", grids.claim_grid(report.claims))
    lines += _section("Claims of this experiment", grids.claim_grid(report.own_claims))
    kept = by_kind(kinds(record))
    lines += ["", "## Share of the IoU kept, by kind of occlusion", "", *_table(kept, table)]
    if suites := other_suites(record):
        lines += ["", "## Corruption and geometry", "", *_table(by_suite(suites, table), table)]
    lines += ["", "## IoU by class", "", _row(["class", *names]), _ruler(len(names) + 1)]
    lines += [_row(row) for row in class_rows(record.classes.names, table)]
    lines += _section("Slices of the test images", grids.slice_grid(report.slices, names))
    lines += ["", *(f"- {each}" for each in worst_words(report.slices, names))]
    lines += _section("What mattered in the search", grids.setting_grid(report.searches))
    lines += ["", *(f"- {each}" for each in grids.importance_notes(report.searches))]
    lines += ["", "## Where the time went", "", *spending_notes(record.spending)]
    lines += _lines(spending_grid(record.spending, names))
    lines += ["", "## Method", "", " ".join(method(record, table, report.evidence))]
    lines += ["", "## Limits", "", *(f"- {each}" for each in limits(report))]
    lines += ["", "## Notes", "", *(f"- {note}" for note in notes(record, table))]
    return "\n".join(lines) + "\n"


def _section(title: str, grid: Grid) -> list[str]:
    """Return a section with a table; nothing if the table has no rows."""
    return ["", f"## {title}", *_lines(grid)] if grid.rows else []


def _lines(grid: Grid) -> list[str]:
    """Return an empty line and a table; nothing if the table has no rows."""
    if not grid.rows:
        return []
    header = [_row(list(grid.headings)), _ruler(len(grid.headings))]
    return ["", *header, *map(_row, grid.rows)]


def _table(columns: tuple[Column, ...], table: pd.DataFrame) -> list[str]:
    header = [column.heading for column in columns]
    return [_row(header), _ruler(len(header)), *(_row(row) for row in texts(columns, table))]


def _ruler(columns: int) -> str:
    return _row(["---", *["---:"] * (columns - 1)])


def _row(values: list[str]) -> str:
    """Return a line of a table; a bar in a name would split its cell."""
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
