"""Accuracy against cost: which networks no other beats in both."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pipelines.compare.chart import WIDTH, Chart, Look, looks
from pipelines.compare.collect import Record
from pipelines.compare.formats import amount, listed, plain

COSTS = (
    ("latency_p50_ms", "latency p50, ms an image", plain),
    ("memory_peak_mb", "peak memory, MB", plain),
    ("model_parameters", "parameters", amount),
)
HEIGHT = 3.6
MOST = 0.6  # of a cost: a longer bar would reach nearly down to 0, endless on this scale


def front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
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


def pareto(record: Record, table: pd.DataFrame) -> Chart:
    """Draw IoU over latency, memory and parameters; the front is a line, its networks full."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(1, len(COSTS), sharey=True)
    looked, told = looks(table), []
    for axis, (key, label, text) in zip(axes, COSTS, strict=True):
        best = front(table[key].tolist(), table["iou"].tolist())
        spreads = _spread(table, key)
        _front(axis, table.iloc[best].sort_values(key), key)
        for place, row in enumerate(table.to_dict("records")):
            look = looked[str(row["architecture"])]
            _point(axis, row, key, look, spreads[place], full=place in best)
        _scale(axis, table[key] - spreads, table[key] + spreads, text)
        axis.set_xlabel(label)
        told.append(
            f"by {label.split(',')[0]} {listed([str(table.architecture[i]) for i in best])}"
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


def _front(axis: Axes, rows: pd.DataFrame, key: str) -> None:
    axis.step(rows[key], rows["iou"], where="post", color="0.6", linestyle=":", zorder=1)


def _point(
    axis: Axes, row: dict[Any, Any], key: str, look: Look, spread: float, *, full: bool
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
    return table[f"{key}_sd"].fillna(0.0).clip(upper=MOST * table[key])


def _scale(axis: Axes, lows: "pd.Series[float]", highs: "pd.Series[float]", text: Any) -> None:
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
