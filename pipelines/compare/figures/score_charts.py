"""Accuracy against cost: which networks no other beats in both."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import Fractions
from pipelines.compare.figures.chart import WIDTH, Chart, SeriesStyle, ranked_models, series_styles
from pipelines.compare.formatting import (
    DASH,
    format_count,
    format_number,
    join_words,
    readable_name,
)
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults

COSTS = (
    ("latency_p50_ms", "latency p50, ms an image", format_number),
    ("memory_peak_mb", "peak memory, MB", format_number),
    ("model_parameters", "parameters", format_count),
)
HEIGHT = 3.6
MAX_BAR_SHARE = 0.6  # of a cost: a longer bar would reach nearly down to 0, endless on this scale


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the places that no other beats: none is as cheap and as good, and better in one."""
    points = list(zip(costs, scores, strict=True))
    return [
        place
        for place, (cost, score) in enumerate(points)
        if not any(
            other_cost <= cost and other >= score and (other_cost, other) != (cost, score)
            for other_cost, other in points
        )
    ]


def pareto_chart(record: StudyResults, table: pd.DataFrame) -> Chart:
    """Draw IoU over latency, memory and parameters; the front is a line, its networks full."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(1, len(COSTS), sharey=True)
    looked, told = series_styles(table), []
    for axis, (key, label, text) in zip(axes, COSTS, strict=True):
        best = pareto_front(table[key].tolist(), table["iou"].tolist())
        spreads = _spread(table, key)
        _draw_front(axis, table.iloc[best].sort_values(key), key)
        for place, row in enumerate(table.to_dict("records")):
            look = looked[str(row["architecture"])]
            _draw_point(axis, row, key, look, spreads[place], full=place in best)
        _set_log_scale(axis, table[key] - spreads, table[key] + spreads, text)
        axis.set_xlabel(label)
        told.append(
            f"by {label.split(',')[0]} {join_words([str(table.architecture[i]) for i in best])}"
        )
    axes[0].set_ylabel("test IoU")
    axes[0].margins(y=0.12)
    return Chart(
        "pareto",
        "Cost and accuracy",
        "Up and to the left is better. Full points are on the Pareto front (no other network is "
        f"both as cheap and as good): {'; '.join(told)}. Bars are 95 % intervals over photographs, "
        "and the standard deviation over seeds of the cost. Costs are on logarithmic scales.",
        f"Scatter plots of test IoU over latency, memory and parameters of "
        f"{', '.join(str(name) for name in table['architecture'])}.",
        figure,
    )


def _draw_front(axis: Axes, rows: pd.DataFrame, key: str) -> None:
    axis.step(rows[key], rows["iou"], where="post", color="0.6", linestyle=":", zorder=1)


def _draw_point(
    axis: Axes, row: dict[Any, Any], key: str, look: SeriesStyle, spread: float, *, full: bool
) -> None:
    cost, score = row[key], row["iou"]
    below, above = (
        0.0 if math.isnan(each) else max(0.0, each)
        for each in (score - row["iou_low"], row["iou_high"] - score)
    )
    options: dict[str, Any] = {
        "xerr": spread if spread > 0 else None,
        "yerr": [[below], [above]],
        "fmt": look.marker,
        "markerfacecolor": look.colour if full else "white",
    }
    axis.errorbar(cost, score, color=look.colour, markersize=8, elinewidth=1.2, **options)
    axis.annotate(str(row["architecture"]), (cost, score), xytext=(9, 5),
                  textcoords="offset points", fontsize=9)  # fmt: skip


def _spread(table: pd.DataFrame, key: str) -> "pd.Series[float]":
    """Return what is drawn beside each cost: its deviation over seeds, 0 with one seed."""
    return table[f"{key}_sd"].fillna(0.0).clip(upper=MAX_BAR_SHARE * table[key])


def _set_log_scale(
    axis: Axes, lows: "pd.Series[float]", highs: "pd.Series[float]", text: Any
) -> None:
    """Use a logarithmic scale with plain numbers, and room for the names."""
    low, high = float(lows.min()), float(highs.max())
    axis.set_xscale("log")
    room = max(1.15, (high / low) ** 0.15)
    axis.set_xlim(low / room, high * room**2)
    axis.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if high / low > 3 else (1, 1.5, 2, 3, 4, 5, 6, 8))
    )
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())


# --- What is taken for what: one row-normalised confusion matrix an architecture.

MAX_NARROW_CLASSES = 12  # classes; more need a wider matrix


def confusion_matrices(record: StudyResults, table: pd.DataFrame) -> Chart:
    """Draw the matrices of all architectures, best first; three beside each other, or two."""
    contenders = ranked_models(record, table)
    classes = record.classes
    columns = min(len(contenders), 3 if len(classes) <= MAX_NARROW_CLASSES else 2)
    rows = -(-len(contenders) // columns)
    # A row of plots is as high as one matrix is wide, and has its class names below.
    side = (WIDTH - 1.2) / max(columns, 2)
    figure = Figure(figsize=(WIDTH, rows * (side + 0.3) + 1.0), layout="constrained")
    for place, contender in enumerate(contenders):
        axis = figure.add_subplot(rows, columns, place + 1)
        first = place % columns == 0
        last = place + columns >= len(contenders)
        _matrix(axis, confusion_shares(contender), classes, names_left=first, names_below=last)
        axis.set_title(contender.name)
    return Chart(
        "confusion",
        "What is taken for what",
        "Each row is what the truth shows, each number the percentage of its pixels that were "
        "given the class of the column: a perfect network has 100 all down the diagonal, and what "
        "is dark beside it is a confusion.",
        f"Confusion matrices over {len(classes)} classes, rows normalised, of "
        f"{', '.join(each.name for each in contenders)}.",
        figure,
    )


def confusion_shares(contender: ComparedModel) -> Fractions:
    """Return the confusion matrix of all finals together, rows summing to 1, (C, C).

    The row of a class that no test image shows is NaN.
    """
    counts = np.sum([final.tested.counts.sum(axis=0) for final in contender.finals], axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    empty = np.full(counts.shape, np.nan)
    result: Fractions = np.divide(counts, totals, out=empty, where=totals > 0)
    return result


def _matrix(
    axis: Axes, values: Fractions, classes: ClassSet, *, names_left: bool, names_below: bool
) -> None:
    names = [readable_name(name) for name in classes.names]
    places = np.arange(len(names))
    axis.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1)
    axis.set_facecolor("0.93")  # shows where a class has no pixels
    axis.set_xticks(places, names if names_below else [""] * len(names), rotation=90)
    axis.set_yticks(places, names if names_left else [""] * len(names))
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if names_left:
        axis.set_ylabel("truth")
    if names_below:
        axis.set_xlabel("prediction")
    _numbers(axis, values)


def _numbers(axis: Axes, values: NDArray[np.float64]) -> None:
    size = min(8.0, 90 / len(values))
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            text, colour = DASH, "0.4"
        elif value < 0.005:
            continue
        else:
            text, colour = f"{100 * value:.0f}", "white" if value > 0.55 else "0.15"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
