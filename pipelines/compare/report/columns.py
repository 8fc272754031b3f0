"""Which columns of the table are shown together, and how their cells read.

The page, the Markdown and the terminal show the same cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from pipelines.compare.formatting import (
    Row,
    format_count,
    format_duration,
    format_interval,
    format_mean_and_deviation,
    format_number,
    format_percent,
    format_score,
    format_with_deviation,
)


@dataclass(frozen=True)
class Column:
    """A column: its heading, how a row reads in it, and what it means.

    `best` says which end of the table's column `key` is better; '' if neither is.
    """

    heading: str
    text: Callable[[Row], str]
    meaning: str = ""
    key: str = ""
    best: Literal["high", "low", ""] = ""


@dataclass(frozen=True)
class Cell:
    """A cell's text, and whether no other of its column is better."""

    text: str
    best: bool = False


def _score(heading: str, key: str, meaning: str) -> Column:
    return Column(heading, lambda row: format_mean_and_deviation(row, key), meaning, key, "high")


def _number(
    heading: str,
    key: str,
    text: Callable[[float], str],
    best: Literal["high", "low", ""] = "",
    meaning: str = "",
) -> Column:
    return Column(heading, lambda row: format_with_deviation(row, key, text), meaning, key, best)


def _tenths(value: float) -> str:
    return f"{value:.1f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


NAME = Column("architecture", lambda row: str(row["architecture"]))
INTERVAL = Column(
    "95 % interval",
    lambda row: format_interval(row, "iou_low", "iou_high"),
    "of the IoU, over test images",
)
IOU = _score("IoU", "iou", "foreground mean")
DICE = _score("Dice", "dice", "foreground mean")
SMALL = _score("small parts", "iou_small", "their mean IoU")
# The best is not marked: a network that looks at nothing keeps all of its little.
RETENTION = _number("kept, occluded", "retention", format_percent, meaning="share of the IoU")
ERROR = _number(
    "mCE",
    "corruption_error",
    format_score,
    "low",
    "mean corruption error; 1: as large as the pinned reference's",
)
LATENCY = _number("latency p50, ms", "latency_p50_ms", _tenths, "low", "one image at batch 1")

SCORES = (
    NAME,
    IOU,
    INTERVAL,
    DICE,
    _score("precision", "precision", "foreground mean"),
    _score("recall", "recall", "foreground mean"),
    SMALL,
    _score("boundary IoU", "boundary_iou", "along the outlines"),
    _score("IoU, occluded", "occluded_iou", "mean over kinds"),
    RETENTION,
)
SPEED = (
    NAME,
    LATENCY,
    _number("p95, ms", "latency_p95_ms", _tenths, "low"),
    _number("threads", "latency_threads", format_number),
    _number("parameters", "model_parameters", format_count, "low"),
    _number("MACs", "model_macs", format_count, "low", "multiply-adds an image"),
    _number("peak memory, MB", "memory_peak_mb", _whole, "low", "a process that serves it"),
    _number("on disk, MB", "model_size_mb", _tenths, "low"),
)
SETTINGS = (
    NAME,
    _number("learning rate", "learning_rate", format_number),
    _number("batch size", "batch_size", format_number),
    _number("epochs", "epochs", format_number, meaning="of a final, at most"),
    _number("weight decay", "weight_decay", format_number),
    _number("cross-entropy weight", "cross_entropy_weight", format_number),
    _number("Dice weight", "dice_weight", format_number),
    _number("encoder rate factor", "encoder_learning_rate_factor", format_number),
    _number("augmentation strength", "augmentation_strength", format_number),
)
COST = (
    NAME,
    _number("finals (seeds)", "finals", format_number),
    _number("time of a final", "train_seconds", format_duration, "low"),
    _number("its epochs", "train_epochs", format_number),
    _number("trials", "trials", format_number),
    _number("pruned", "trials_pruned", format_number),
    _number("failed", "trials_failed", format_number),
    _number("time of the search", "search_seconds", format_duration, "low", "training, all trials"),
    _number("its epochs in all", "search_epochs", format_number),
    _number("test images", "test_images", format_number),
)
# Eighty columns are few, and there is no room for what a heading means.
TERMINAL_COLUMNS = (
    NAME,
    IOU,
    INTERVAL,
    replace(DICE, text=lambda row: format_score(row["dice"])),
    Column("small", lambda row: format_score(row["iou_small"])),
    Column("occluded", lambda row: format_percent(row["retention"])),
    Column("ms", lambda row: _tenths(row["latency_p50_ms"])),
)
MARKDOWN_TABLES = (
    ("Scores", SCORES),
    ("Speed and size", SPEED),
    ("Chosen settings", SETTINGS),
    ("Training cost", COST),
)


def suite_columns(suites: list[str], table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of suites beside occlusion: the IoU, and the share of it kept.

    And the mean corruption error, where the table has it.
    """
    shown = [
        column
        for suite in suites
        for column in (
            _score(f"IoU, {suite}", f"{suite}_iou", "mean over kinds"),
            _number("kept", f"{suite}_retention", format_percent, meaning="share of the IoU"),
        )
    ]
    return (NAME, *shown, *([ERROR] if "corruption_error" in table else []))


def kind_columns(kinds: list[str]) -> tuple[Column, ...]:
    """Return the columns of the share of IoU kept under each kind of occlusion."""
    shown = [_number(each.replace("_", " "), f"retention/{each}", format_percent) for each in kinds]
    return (NAME, *shown, _number("mean", "retention", format_percent))


def table_cells(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[Cell]]:
    """Return the cells, a list for each row of the table, the best of each column marked."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [[_cell(column, row, table) for column in columns] for row in rows]


def table_texts(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[str]]:
    """Return the cells' texts."""
    return [[cell.text for cell in row] for row in table_cells(columns, table)]


def _cell(column: Column, row: Row, table: pd.DataFrame) -> Cell:
    text = column.text(row)
    if not column.best or len(table) < 2 or table[column.key].nunique() < 2:
        return Cell(text)
    values = table[column.key]
    best = values.max() if column.best == "high" else values.min()
    return Cell(text, bool(row[column.key] == best))


def class_rows(names: tuple[str, ...], table: pd.DataFrame) -> list[list[str]]:
    """Return a row a foreground class: its name, then its IoU in each architecture."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [
        [name, *(format_mean_and_deviation(row, f"iou/{name}") for row in rows)]
        for name in names[1:]
    ]
