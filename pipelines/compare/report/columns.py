"""The columns that are shown together.

The page, the Markdown report and the terminal show the same cells (`cells`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from pipelines.compare.formatting import (
    DASH,
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


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its heading, the text of a row's cell, and an explanation of the heading.

    `best` is the better end of the table's column `key`; '' if neither end is better.
    """

    heading: str
    text: Callable[[Row], str]
    meaning: str = ""
    key: str = ""
    best: Literal["high", "low", ""] = ""


def _score(heading: str, key: str, meaning: str) -> Column:
    return Column(
        heading=heading,
        text=lambda row: format_mean_and_deviation(row, key),
        meaning=meaning,
        key=key,
        best="high",
    )


def _number(
    heading: str,
    key: str,
    text: Callable[[float], str],
    best: Literal["high", "low", ""] = "",
    meaning: str = "",
) -> Column:
    return Column(
        heading=heading,
        text=lambda row: format_with_deviation(row, key, text),
        meaning=meaning,
        key=key,
        best=best,
    )


def _tenths(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.1f}"


def _hundredths(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.2f}"


def _whole(value: float) -> str:
    return DASH if math.isnan(value) else f"{value:.0f}"


def _energy(row: Row) -> str:
    """Return the energy, and whether it was measured."""
    kwh = row["spent_kwh"]
    return DASH if math.isnan(kwh) else f"{kwh:.3g} ({row['spent_energy']})"


NAME = Column(heading="architecture", text=lambda row: str(row["architecture"]))
INTERVAL = Column(
    heading="95 % interval",
    text=lambda row: format_interval(row, "iou_low", "iou_high"),
    meaning="of the IoU, over photographs",
)
IOU = _score("IoU", "iou", "foreground mean")
DICE = _score("Dice", "dice", "foreground mean")
SMALL = _score("small parts", "iou_small", "mean IoU")
# Not marked as best: a network that ignores the image keeps all of a low score.
RETENTION = _number("retention", "retention", format_percent, meaning="IoU kept, occluded")
ERROR = _number(
    "mCE",
    "corruption_error",
    format_score,
    "low",
    "mean corruption error; 1 is the pinned reference's",
)
LATENCY = _number("latency p50, ms", "latency_p50_ms", _tenths, "low", "one image per batch")

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
JAWLINE = _number(
    "jawline, %", "jawline_distance", _hundredths, "low", "mean distance, of the face's width"
)
SPEED = (
    NAME,
    LATENCY,
    _number("p95, ms", "latency_p95_ms", _tenths, "low"),
    _number("threads", "latency_threads", format_number),
    _number("load", "latency_load", _tenths, meaning="cores busy with other programs"),
    _number("parameters", "model_parameters", format_count, "low"),
    _number("MACs", "model_macs", format_count, "low", "multiply-adds per image"),
    _number("peak memory, MB", "memory_peak_mb", _whole, "low", "of a serving process"),
    _number("on disk, MB", "model_size_mb", _tenths, "low"),
)
GPU = (  # a study without a GPU has none of these columns in its table
    _number("GPU latency p50, ms", "latency_gpu_p50_ms", _tenths, "low", "one image per batch"),
    _number("GPU p95, ms", "latency_gpu_p95_ms", _tenths, "low"),
    _number("GPU images/s", "throughput_gpu_images_per_second", _whole, "high", "32 per batch"),
    _number("GPU peak memory, MB", "memory_gpu_peak_mb", _whole, "low", "32 images per batch"),
)
SETTINGS = (
    NAME,
    _number("learning rate", "learning_rate", format_number),
    _number("batch size", "batch_size", format_number),
    _number("epochs", "epochs", format_number, meaning="of a final run, at most"),
    _number("weight decay", "weight_decay", format_number),
    _number("cross-entropy weight", "cross_entropy_weight", format_number),
    _number("Dice weight", "dice_weight", format_number),
    _number("encoder rate factor", "encoder_learning_rate_factor", format_number),
    _number("augmentation strength", "augmentation_strength", format_number),
)
COST = (
    NAME,
    _number("final runs (seeds)", "finals", format_number),
    _number("training time", "train_seconds", format_duration, "low", "of a final run"),
    _number("epochs", "train_epochs", format_number, meaning="of a final run"),
    _number("trials", "trials", format_number),
    _number("pruned", "trials_pruned", format_number),
    _number("failed", "trials_failed", format_number),
    _number("search time", "search_seconds", format_duration, "low", "training, all trials"),
    _number("search epochs", "search_epochs", format_number, meaning="all trials"),
    _number("test images", "test_images", format_number),
)
SPENT = (  # by all attempts at all trials and finals; a study of an earlier version has none
    _number("worker time", "spent_seconds", format_duration, "low", "all trials and finals"),
    _number("CPU time", "spent_cpu_seconds", format_duration, "low", "times CPUs per worker"),
    Column(
        heading="GPU time",
        text=lambda row: format_duration(row["spent_gpu_seconds"] or math.nan),
        meaning="times GPUs per worker",
    ),
    Column(heading="energy, kWh", text=_energy, meaning="of CPUs and GPUs"),
    _number("money", "spent_money", format_number, "low", "by resources.prices"),
)
# A terminal of 80 columns has no room for longer headings or for their explanations.
TERMINAL_COLUMNS = (
    NAME,
    IOU,
    INTERVAL,
    replace(DICE, text=lambda row: format_score(row["dice"])),
    Column(heading="small", text=lambda row: format_score(row["iou_small"])),
    Column(heading="occluded", text=lambda row: format_percent(row["retention"])),
    Column(heading="ms", text=lambda row: _tenths(row["latency_p50_ms"])),
)


def markdown_tables(table: pd.DataFrame) -> tuple[tuple[str, tuple[Column, ...]], ...]:
    """Return the title and the columns of the tables whose columns are fixed."""
    return (
        ("Scores", score_columns(table)),
        ("Speed and size", speed_columns(table)),
        ("Chosen settings", SETTINGS),
        ("Training cost", cost_columns(table)),
    )


def score_columns(table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of scores; that of the jawline only where it was measured."""
    return (*SCORES, JAWLINE) if JAWLINE.key in table else SCORES


def cost_columns(table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the training's cost; what was spent only where it was measured."""
    return (*COST, *SPENT) if SPENT[0].key in table else COST


def speed_columns(table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of speed and size; if some are of a GPU, "CPU" is added to the others."""
    on_gpu = tuple(column for column in GPU if column.key in table)
    if not on_gpu:
        return SPEED
    on_cpu = {
        column.key: replace(column, heading=f"CPU {column.heading}")
        for column in SPEED
        if column.key.startswith(("latency_", "memory_"))
    }
    return (*(on_cpu.get(column.key, column) for column in SPEED), *on_gpu)


def suite_columns(suites: list[str], table: pd.DataFrame) -> tuple[Column, ...]:
    """Return the columns of the suites other than occlusion.

    Args:
        suites: The suites that were run.
        table: The comparison table.

    Returns:
        The IoU and the retention under each suite, then the mean corruption error if the table
        contains it.
    """
    shown = [
        column
        for suite in suites
        for column in (
            _score(f"IoU, {suite}", f"{suite}_iou", "mean over kinds"),
            _number("retention", f"{suite}_retention", format_percent, meaning="IoU kept"),
        )
    ]
    return (NAME, *shown, *([ERROR] if "corruption_error" in table else []))


def kind_columns(kinds: list[str]) -> tuple[Column, ...]:
    """Return the columns of the retention under each kind of occlusion."""
    shown = [_number(each.replace("_", " "), f"retention/{each}", format_percent) for each in kinds]
    return (NAME, *shown, _number("mean", "retention", format_percent))
