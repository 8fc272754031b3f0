"""Which columns of the table are shown together, and how their cells read.

The page, the Markdown and the terminal show the same cells.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from pipelines.compare.formats import (
    Row,
    amount,
    duration,
    percent,
    plain,
    score,
    span,
    spread,
    with_spread,
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
    return Column(heading, lambda row: spread(row, key), meaning, key, "high")


def _number(
    heading: str,
    key: str,
    text: Callable[[float], str],
    best: Literal["high", "low", ""] = "",
    meaning: str = "",
) -> Column:
    return Column(heading, lambda row: with_spread(row, key, text), meaning, key, best)


def _tenths(value: float) -> str:
    return f"{value:.1f}"


def _whole(value: float) -> str:
    return f"{value:.0f}"


NAME = Column("architecture", lambda row: str(row["architecture"]))
INTERVAL = Column(
    "95 % interval",
    lambda row: span(row, "iou_low", "iou_high"),
    "of the IoU, over test images",
)
IOU = _score("IoU", "iou", "foreground mean")
DICE = _score("Dice", "dice", "foreground mean")
SMALL = _score("small parts", "iou_small", "their mean IoU")
# The best is not marked: a network that looks at nothing keeps all of its little.
KEPT = _number("kept, occluded", "retention", percent, meaning="share of the IoU")
ERROR = _number(
    "mCE",
    "corruption_error",
    score,
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
    KEPT,
)
SPEED = (
    NAME,
    LATENCY,
    _number("p95, ms", "latency_p95_ms", _tenths, "low"),
    _number("threads", "latency_threads", plain),
    _number("parameters", "model_parameters", amount, "low"),
    _number("MACs", "model_macs", amount, "low", "multiply-adds an image"),
    _number("peak memory, MB", "memory_peak_mb", _whole, "low", "a process that serves it"),
    _number("on disk, MB", "model_size_mb", _tenths, "low"),
)
SETTINGS = (
    NAME,
    _number("learning rate", "learning_rate", plain),
    _number("batch size", "batch_size", plain),
    _number("epochs", "epochs", plain, meaning="of a final, at most"),
    _number("weight decay", "weight_decay", plain),
    _number("cross-entropy weight", "cross_entropy_weight", plain),
    _number("Dice weight", "dice_weight", plain),
    _number("encoder rate factor", "encoder_learning_rate_factor", plain),
    _number("augmentation strength", "augmentation_strength", plain),
)
COST = (
    NAME,
    _number("finals (seeds)", "finals", plain),
    _number("time of a final", "train_seconds", duration, "low"),
    _number("its epochs", "train_epochs", plain),
    _number("trials", "trials", plain),
    _number("pruned", "trials_pruned", plain),
    _number("failed", "trials_failed", plain),
    _number("time of the search", "search_seconds", duration, "low", "training, all trials"),
    _number("its epochs in all", "search_epochs", plain),
    _number("test images", "test_images", plain),
)
# Eighty columns are few, and there is no room for what a heading means.
TERMINAL = (
    NAME,
    IOU,
    INTERVAL,
    replace(DICE, text=lambda row: score(row["dice"])),
    Column("small", lambda row: score(row["iou_small"])),
    Column("occluded", lambda row: percent(row["retention"])),
    Column("ms", lambda row: _tenths(row["latency_p50_ms"])),
)
MARKDOWN = (
    ("Scores", SCORES),
    ("Speed and size", SPEED),
    ("Chosen settings", SETTINGS),
    ("Training cost", COST),
)


def by_suite(suites: list[str], table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of suites beside occlusion: the IoU, and the share of it kept.

    And the mean corruption error, where the table has it.
    """
    shown = [
        column
        for suite in suites
        for column in (
            _score(f"IoU, {suite}", f"{suite}_iou", "mean over kinds"),
            _number("kept", f"{suite}_retention", percent, meaning="share of the IoU"),
        )
    ]
    return (NAME, *shown, *([ERROR] if "corruption_error" in table else []))


def by_kind(kinds: list[str]) -> tuple[Column, ...]:
    """Return the columns of the share of IoU kept under each kind of occlusion."""
    shown = [_number(each.replace("_", " "), f"retention/{each}", percent) for each in kinds]
    return (NAME, *shown, _number("mean", "retention", percent))


def grid(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[Cell]]:
    """Return the cells, a list for each row of the table, the best of each column marked."""
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [[_cell(column, row, table) for column in columns] for row in rows]


def texts(columns: tuple[Column, ...], table: pd.DataFrame) -> list[list[str]]:
    """Return the cells' texts."""
    return [[cell.text for cell in row] for row in grid(columns, table)]


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
    return [[name, *(spread(row, f"iou/{name}") for row in rows)] for name in names[1:]]
