"""The cells of the columns that are shown together: their texts, and the best of each column."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipelines.compare.formatting import DASH, Row, format_mean_and_deviation
from pipelines.compare.report.columns import Column


@dataclass(frozen=True)
class Cell:
    """A cell's text, and whether its value is the best of its column."""

    text: str
    best: bool = False


def filled_columns(columns: tuple[Column, ...], table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns without those in which every row has a dash; () if only names are left."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    filled = tuple(column for column in columns if any(column.text(row) != DASH for row in rows))
    return filled if len(filled) > 1 else ()


def table_cells(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[Cell]]:
    """Return the cells of each row of the table, with the best of each column marked."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [[_cell(column, row, table) for column in columns] for row in rows]


def table_texts(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[str]]:
    """Return the texts of the cells of each row of the table."""
    return [[cell.text for cell in row] for row in table_cells(columns, table)]


def _cell(column: Column, row: Row, table: pd.DataFrame) -> Cell:
    text = column.text(row)
    if not column.best or len(table) < 2 or table[column.key].nunique() < 2:
        return Cell(text)
    values = table[column.key]
    best = values.max() if column.best == "high" else values.min()
    return Cell(text, bool(row[column.key] == best))


def class_rows(names: tuple[str, ...], table: pd.DataFrame) -> list[list[str]]:
    """Return one row per foreground class: its name, then its IoU for each model."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [
        [name, *(format_mean_and_deviation(row, f"iou/{name}") for row in rows)]
        for name in names[1:]
    ]
