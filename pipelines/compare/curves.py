"""Curves: how the finals learned, and how they fare as more of the face is covered."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
    StrMethodFormatter,
)

from pipelines.compare.chart import Chart, Look, looks, readable
from pipelines.compare.collect import Contender, Record
from pipelines.compare.plots import add_legend, from_zero, handle, in_order, plots
from pipelines.compare.table import kinds

LOSSES = (("val/loss", "-"), ("train/loss", "--"))
POLICIES = (("visible", "-", "full"), ("unoccluded", "--", "none"))


def learning(record: Record, table: pd.DataFrame) -> Chart:
    """Draw validation IoU of all finals in one plot, and the losses of each architecture."""
    looked = looks(table)
    contenders = [each for each in in_order(record, table) if each.is_trained]
    figure, axes = plots(1 + len(contenders))
    for each in contenders:
        _scores(axes[0], each, looked[each.name])
    axes[0].set(title="validation IoU", ylim=from_zero(axes[:1]))
    shared = axes[1:]
    for axis, each in zip(shared, contenders, strict=True):
        _losses(axis, each, looked[each.name])
        axis.set(title=f"{each.name}: loss")
    _share_losses(shared, contenders)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("epoch")
    lines = [handle(looked[each.name], each.name) for each in contenders]
    styles = [
        Line2D([], [], color="0.3", label="validation loss"),
        Line2D([], [], color="0.3", linestyle="--", label="training loss"),
    ]
    add_legend(figure, [*lines, *styles])
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
    figure, axes = plots(len(shown))
    for axis, kind in zip(axes, shown, strict=True):
        for each in contenders:
            _covered(axis, occlusion_means(each), kind, looked[each.name])
        axis.set(title=readable(kind), xlabel="share of the face covered", xlim=(-0.01, None))
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right = max(axis.get_xlim()[1] for axis in axes)
    heights = from_zero(axes)
    for axis in axes:
        axis.set(ylim=heights, xlim=(-0.01, right))
    axes[0].set_ylabel("test IoU")
    lines = [handle(looked[each.name], each.name) for each in contenders]
    styles = [
        Line2D([], [], color="0.3", marker="o", label="visible: covered pixels count"),
        Line2D(
            [], [], color="0.3", linestyle="--", marker="o", markerfacecolor="none",
            label="unoccluded: covered pixels left out",
        ),
    ]  # fmt: skip
    add_legend(figure, [*lines, *styles])
    return Chart(
        "occlusion_curves",
        "Under occlusion",
        "The flatter, the steadier: 0 % is the clean image; solid lines also score the covered "
        "pixels, which should be called background (or hair, under strands), dashed lines only "
        "what stays in sight. The band spans the seeds.",
        "Line plots of test IoU over the share of the face covered, for the kinds "
        f"{', '.join(readable(kind) for kind in shown)} and each architecture.",
        figure,
    )


def occlusion_means(contender: Contender) -> pd.DataFrame:
    """Return share and IoU by kind, severity and policy: mean, least and most of the finals."""
    rows = pd.concat([final.rows["occlusion"] for final in contender.finals])
    grouped = rows.groupby(["kind", "severity", "policy"], sort=False)
    return grouped.agg(
        share=("share", "mean"), iou=("iou", "mean"), low=("iou", "min"), high=("iou", "max")
    ).reset_index()


def _covered(axis: Axes, rows: pd.DataFrame, kind: str, look: Look) -> None:
    for policy, dashes, fill in POLICIES:
        line = rows[(rows.policy == policy) & rows.kind.isin(["clean", kind])].sort_values("share")
        options: dict[str, Any] = {"linestyle": dashes, "fillstyle": fill}
        axis.plot(
            line.share, line.iou, color=look.colour, marker=look.marker, markersize=5, **options
        )
        if policy == POLICIES[0][0]:
            axis.fill_between(
                line.share, line.low, line.high, color=look.colour, alpha=0.15, linewidth=0
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
