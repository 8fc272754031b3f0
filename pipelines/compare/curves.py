"""Curves: how the finals learned, and how they fare as more of the face is covered."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
    StrMethodFormatter,
)

from pipelines.compare.chart import WIDTH, Chart, Look, looks, readable
from pipelines.compare.collect import Contender, Record
from pipelines.compare.table import kinds

COLUMNS = 4  # plots beside each other
HEIGHT = 2.9  # inches of one plot
LOSSES = (("val/loss", "-"), ("train/loss", "--"))
POLICIES = (("visible", "-", "full"), ("unoccluded", "--", "none"))


def learning(record: Record, table: pd.DataFrame) -> Chart:
    """Draw validation IoU of all finals in one plot, and the losses of each architecture."""
    looked, contenders = looks(table), in_order(record, table)
    figure, axes = _plots(1 + len(contenders))
    for each in contenders:
        _scores(axes[0], each, looked[each.name])
    axes[0].set(title="validation IoU", ylim=_from_zero(axes[:1]))
    shared = axes[1:]
    for axis, each in zip(shared, contenders, strict=True):
        _losses(axis, each, looked[each.name])
        axis.set(title=f"{each.name}: loss")
    _share_losses(shared, contenders)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("epoch")
    lines = [_handle(looked[each.name], each.name) for each in contenders]
    styles = [
        Line2D([], [], color="0.3", label="validation loss"),
        Line2D([], [], color="0.3", linestyle="--", label="training loss"),
    ]
    _legend(figure, [*lines, *styles])
    finals = sum(len(each.finals) for each in contenders)
    names = ", ".join(each.name for each in contenders)
    return Chart(
        "learning_curves",
        "How the finals learned",
        "A point marks the epoch that was kept: a curve still rising at its end asks for more "
        "epochs, and a validation loss that turns up while the training loss falls is overfitting.",
        f"Line plots over epochs for {finals} finals of {names}: validation IoU, and training and "
        "validation loss.",
        figure,
    )


def occlusion(record: Record, table: pd.DataFrame) -> Chart:
    """Draw IoU over the share of the face covered: a plot a kind, two lines a network."""
    looked, contenders = looks(table), in_order(record, table)
    shown = kinds(record)
    figure, axes = _plots(len(shown))
    for axis, kind in zip(axes, shown, strict=True):
        for each in contenders:
            _covered(axis, occlusion_means(each), kind, looked[each.name])
        axis.set(title=readable(kind), xlabel="share of the face covered", xlim=(-0.01, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right = max(axis.get_xlim()[1] for axis in axes)
    heights = _from_zero(axes)
    for axis in axes:
        axis.set(ylim=heights, xlim=(-0.01, right))
    axes[0].set_ylabel("test IoU")
    lines = [_handle(looked[each.name], each.name) for each in contenders]
    styles = [
        Line2D([], [], color="0.3", marker="o", label="visible: covered pixels count"),
        Line2D(
            [], [], color="0.3", linestyle="--", marker="o", markerfacecolor="none",
            label="unoccluded: covered pixels left out",
        ),
    ]  # fmt: skip
    _legend(figure, [*lines, *styles])
    return Chart(
        "occlusion_curves",
        "Under occlusion",
        "The flatter, the steadier: 0 % is the clean image; solid lines also score the covered "
        "pixels, which should be called background (or hair, under strands), dashed lines only "
        "what stays in sight.",
        "Line plots of test IoU over the share of the face covered, for the kinds "
        f"{', '.join(readable(kind) for kind in shown)} and each architecture.",
        figure,
    )


def in_order(record: Record, table: pd.DataFrame) -> list[Contender]:
    """Return the contenders as the table ranks them."""
    contenders = {each.name: each for each in record.contenders}
    return [contenders[str(name)] for name in table["architecture"]]


def occlusion_means(contender: Contender) -> pd.DataFrame:
    """Return share and IoU by kind, severity and policy, means over the finals."""
    rows = pd.concat([final.occlusion for final in contender.finals])
    grouped = rows.groupby(["kind", "severity", "policy"], sort=False)[["share", "iou"]]
    return grouped.mean().reset_index()


def _covered(axis: Axes, rows: pd.DataFrame, kind: str, look: Look) -> None:
    for policy, dashes, fill in POLICIES:
        line = rows[(rows.policy == policy) & rows.kind.isin(["clean", kind])].sort_values("share")
        options: dict[str, Any] = {"linestyle": dashes, "fillstyle": fill}
        axis.plot(
            line.share, line.iou, color=look.colour, marker=look.marker, markersize=5, **options
        )


def _scores(axis: Axes, contender: Contender, look: Look) -> None:
    for final in contender.finals:
        history = final.history
        axis.plot(history["epoch"], history["val/iou"], color=look.colour, alpha=0.9)
        best = history.iloc[int(history["val/iou"].argmax())]
        axis.plot(best["epoch"], best["val/iou"], color=look.colour, marker=look.marker)


def _losses(axis: Axes, contender: Contender, look: Look) -> None:
    for final in contender.finals:
        history = final.history
        for name, dashes in LOSSES:
            line: dict[str, Any] = {"linestyle": dashes, "marker": "." if len(history) == 1 else ""}
            axis.plot(history["epoch"], history[name], color=look.colour, **line)


def _share_losses(axes: list[Axes], contenders: list[Contender]) -> None:
    """Give all loss plots one scale, a logarithmic one where losses differ tenfold."""
    losses = [
        final.history[name] for each in contenders for final in each.finals for name, _ in LOSSES
    ]
    values = pd.concat(losses).to_numpy(dtype=float)
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if low > 0 and high > 10 * low:
        for axis in axes:
            axis.set_yscale("log")
            axis.set_ylim(low / 1.15, high * 1.15)
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.yaxis.set_minor_locator(NullLocator())
        return
    room = 0.05 * (high - low or 1)
    for axis in axes:
        axis.set_ylim(low - room, high + room)


def _from_zero(axes: list[Axes]) -> tuple[float, float]:
    """Return limits from 0 to the highest of all plots, with room for a marker at 0."""
    top = max(axis.get_ylim()[1] for axis in axes)
    return -0.03 * top, top


def _plots(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` plots, `COLUMNS` a row at most, no empty one among them."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, HEIGHT * rows + 0.5))
    figure.set_layout_engine("constrained", h_pad=0.08)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def _handle(look: Look, name: str) -> Line2D:
    return Line2D([], [], color=look.colour, marker=look.marker, label=readable(name))


def _legend(figure: Figure, handles: list[Line2D]) -> None:
    figure.legend(handles=handles, loc="outside upper left", ncols=min(5, len(handles)))
