"""Charts of scores: IoU against cost with the Pareto front, and confusion matrices."""

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
from pipelines.compare.figures.chart import WIDTH, Chart, ranked_models
from pipelines.compare.figures.point_labels import label_points
from pipelines.compare.figures.styles import SeriesStyle, series_styles
from pipelines.compare.formatting import (
    DASH,
    format_count,
    format_number,
    join_words,
    readable_name,
)
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy

COSTS = (
    ("latency_p50_ms", "latency p50, ms per image", format_number),
    ("memory_peak_mb", "peak memory, MB", format_number),
    ("model_parameters", "parameters", format_count),
)
HEIGHT = 3.6  # inches, for up to five models
MAX_BAR_SHARE = 0.6  # of a cost: a longer bar would end near 0, which is far away on a log scale


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return the indices of the Pareto front.

    Args:
        costs: The cost of each point; lower is better.
        scores: The score of each point; higher is better.

    Returns:
        The indices of the points that no other point beats, that is: none is at least as good in
        both and better in one. A point without a cost (NaN) is not among them.
    """
    points = list(zip(costs, scores, strict=True))
    return [
        index
        for index, (cost, score) in enumerate(points)
        if not math.isnan(cost)
        and not any(
            other_cost <= cost and other >= score and (other_cost, other) != (cost, score)
            for other_cost, other in points
        )
    ]


def pareto_chart(study: ComparedStudy, table: pd.DataFrame) -> Chart:
    """Draw IoU over latency, memory and parameters, with the Pareto front of each."""
    height = HEIGHT + 0.2 * max(0, len(table) - 5)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(1, len(COSTS), sharey=True)
    styles, fronts = series_styles(table), []
    for axis, (key, label, text) in zip(axes, COSTS, strict=True):
        front = pareto_front(table[key].tolist(), table["iou"].tolist())
        spreads = _spread(table, key)
        _draw_front(axis, table.iloc[front].sort_values(key), key)
        for index, row in enumerate(table.to_dict("records")):
            style = styles[str(row["architecture"])]
            _draw_point(axis, row, key, style, spreads[index], full=index in front)
        _set_log_scale(axis, table[key] - spreads, table[key] + spreads, text)
        axis.set_xlabel(label)
        names = join_words([str(table.architecture[index]) for index in front])
        fronts.append(f"{names} for {label.split(',')[0]}")
    axes[0].set_ylabel("test IoU")
    axes[0].margins(y=0.12)
    figure.draw_without_rendering()
    for axis, (key, *_) in zip(axes, COSTS, strict=True):
        label_points(axis, table[[key, "iou"]].to_numpy(), styles)
    return Chart(
        name="pareto",
        title="Cost and accuracy",
        caption="Up and to the left is better. Filled markers are on the Pareto front, on which no "
        "network is beaten in both cost and accuracy by another one: "
        f"{'; '.join(fronts)}. Vertical bars are 95 % intervals of the IoU over photographs; "
        "horizontal bars are standard deviations of the cost over seeds. Costs have logarithmic "
        "axes.",
        alt="Scatter plots of test IoU over latency, memory and parameters of "
        f"{', '.join(str(name) for name in table['architecture'])}.",
        figure=figure,
    )


def _draw_front(axis: Axes, rows: pd.DataFrame, key: str) -> None:
    axis.step(rows[key], rows["iou"], where="post", color="0.6", linestyle=":", zorder=1)


def _draw_point(
    axis: Axes, row: dict[Any, Any], key: str, style: SeriesStyle, spread: float, *, full: bool
) -> None:
    cost, score = row[key], row["iou"]
    if math.isnan(cost):
        return
    below, above = (
        0.0 if math.isnan(each) else max(0.0, each)
        for each in (score - row["iou_low"], row["iou_high"] - score)
    )
    options: dict[str, Any] = {
        "xerr": spread if spread > 0 else None,
        "yerr": [[below], [above]],
        "fmt": style.marker,
        "markerfacecolor": style.colour if full else "white",
    }
    axis.errorbar(cost, score, color=style.colour, markersize=8, elinewidth=1.2, **options)


def _spread(table: pd.DataFrame, key: str) -> "pd.Series[float]":
    """Return the length of each cost's bar: the deviation over seeds, 0 with one seed."""
    return table[f"{key}_sd"].fillna(0.0).clip(upper=MAX_BAR_SHARE * table[key])


def _set_log_scale(
    axis: Axes, lows: "pd.Series[float]", highs: "pd.Series[float]", text: Any
) -> None:
    """Set a logarithmic scale with plain numbers, and with room for the names of the points."""
    low, high = float(lows.min()), float(highs.max())
    axis.set_xscale("log")
    room = max(1.15, (high / low) ** 0.15)
    axis.set_xlim(low / room, high * room**2)
    axis.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5) if high / low > 3 else (1, 1.5, 2, 3, 4, 5, 6, 8))
    )
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())


# --- Confusion matrices, with rows that sum to 1.

MAX_NARROW_CLASSES = 12  # with more classes only two matrices fit in a row


def confusion_matrices(study: ComparedStudy, table: pd.DataFrame) -> Chart:
    """Draw the confusion matrix of every model, in the table's order."""
    models = ranked_models(study, table)
    classes = study.classes
    columns = min(len(models), 3 if len(classes) <= MAX_NARROW_CLASSES else 2)
    rows = -(-len(models) // columns)
    # A row of subplots is as high as one matrix is wide, plus the class names below.
    side = (WIDTH - 1.2) / max(columns, 2)
    figure = Figure(figsize=(WIDTH, rows * (side + 0.3) + 1.0), layout="constrained")
    for index, model in enumerate(models):
        axis = figure.add_subplot(rows, columns, index + 1)
        first = index % columns == 0
        last = index + columns >= len(models)
        _matrix(axis, confusion_shares(model), classes, names_left=first, names_below=last)
        axis.set_title(model.name)
    return Chart(
        name="confusion",
        title="Confusion matrices",
        caption="Rows are true classes, columns predicted classes. Each number is the percentage "
        "of the row's pixels that were predicted as the column's class. A perfect network has 100 "
        "on the whole diagonal; dark cells elsewhere are confusions.",
        alt=f"Confusion matrices over {len(classes)} classes, rows normalised, of "
        f"{', '.join(model.name for model in models)}.",
        figure=figure,
    )


def confusion_shares(model: ComparedModel) -> Fractions:
    """Return the confusion matrix of all final runs of a model, (C, C) for C classes.

    Rows are true classes and sum to 1. The row of a class that no test image shows is NaN.
    """
    counts = np.sum([final.tested.counts.sum(axis=0) for final in model.finals], axis=0)
    totals = counts.sum(axis=1, keepdims=True)
    empty = np.full(counts.shape, np.nan)
    shares: Fractions = np.divide(counts, totals, out=empty, where=totals > 0)
    return shares


def _matrix(
    axis: Axes, values: Fractions, classes: ClassSet, *, names_left: bool, names_below: bool
) -> None:
    names = [readable_name(name) for name in classes.names]
    ticks = np.arange(len(names))
    axis.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1)
    axis.set_facecolor("0.93")  # visible in the row of a class without pixels
    axis.set_xticks(ticks, names if names_below else [""] * len(names), rotation=90)
    axis.set_yticks(ticks, names if names_left else [""] * len(names))
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if names_left:
        axis.set_ylabel("true class")
    if names_below:
        axis.set_xlabel("predicted class")
    _draw_numbers(axis, values)


def _draw_numbers(axis: Axes, values: NDArray[np.float64]) -> None:
    size = min(8.0, 90 / len(values))
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            text, colour = DASH, "0.4"
        elif value < 0.005:
            continue
        else:
            text, colour = f"{100 * value:.0f}", "white" if value > 0.55 else "0.15"
        axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
