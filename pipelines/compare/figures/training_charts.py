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
    StrMethodFormatter,
)

from pipelines.compare.analysis.search_importance import (
    SearchSummary,
    completed_trials,
    summarise_searches,
)
from pipelines.compare.figures.chart import (
    WIDTH,
    Chart,
    SeriesStyle,
    add_legend,
    legend_handle,
    limits_from_zero,
    make_subplots,
    ranked_models,
    series_styles,
)
from pipelines.compare.formatting import readable_name
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults
from pipelines.config.search_space import Choices, Range

LOSSES = (("val/loss", "-"), ("train/loss", "--"))


def learning_curves(record: StudyResults, table: pd.DataFrame) -> Chart:
    """Draw validation IoU of all finals in one plot, and the losses of each architecture."""
    looked = series_styles(table)
    contenders = [each for each in ranked_models(record, table) if each.is_trained]
    figure, axes = make_subplots(1 + len(contenders))
    for each in contenders:
        _draw_scores(axes[0], each, looked[each.name])
    axes[0].set(title="validation IoU", ylim=limits_from_zero(axes[:1]))
    shared = axes[1:]
    for axis, each in zip(shared, contenders, strict=True):
        _draw_losses(axis, each, looked[each.name])
        axis.set(title=f"{each.name}: loss")
    _align_loss_axes(shared, contenders)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("epoch")
    lines = [legend_handle(looked[each.name], each.name) for each in contenders]
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


def _draw_scores(axis: Axes, contender: ComparedModel, look: SeriesStyle) -> None:
    for final in contender.finals:
        history = final.history
        axis.plot(history["epoch"], history["val/iou"], color=look.colour, alpha=0.9)
        best = history.iloc[int(history["val/iou"].argmax())]
        axis.plot(best["epoch"], best["val/iou"], color=look.colour, marker=look.marker)


def _draw_losses(axis: Axes, contender: ComparedModel, look: SeriesStyle) -> None:
    for final in contender.finals:
        history = final.history
        for name, dashes in LOSSES:
            line: dict[str, Any] = {"linestyle": dashes, "marker": "." if len(history) == 1 else ""}
            axis.plot(history["epoch"], history[name], color=look.colour, **line)


def _align_loss_axes(axes: list[Axes], contenders: list[ComparedModel]) -> None:
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


# --- The search in pictures: how the best score grew, and the score over each tuned setting.

ROW_HEIGHT = 1.9


def search_chart(record: StudyResults, table: pd.DataFrame) -> Chart | None:
    """Draw a row a network: the best score over trials, then every trial over each setting."""
    found = sorted(
        summarise_searches(record), key=lambda each: list(table["architecture"]).index(each.name)
    )
    tuned = record.settings.search.space.tuned()
    if not found:
        return None
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(found) + 0.4), layout="constrained")
    axes = figure.subplots(len(found), 1 + len(tuned), squeeze=False, sharey="row")
    looked = series_styles(table)
    for row, each in zip(axes, found, strict=True):
        look = looked[each.name]
        _draw_best_so_far(row[0], each, look)
        row[0].set_ylabel(f"{each.name}\nval IoU")
        for axis, (name, scale) in zip(row[1:], tuned.items(), strict=True):
            _draw_setting(axis, each, look, name, scale)
        for axis in row:  # a ring has room above it
            axis.margins(y=0.18)
    for axis, name in zip(axes[-1], ["trials", *tuned], strict=True):
        axis.set_xlabel(readable_name(name))
    return Chart(
        "search",
        "What mattered in the search",
        "On the left the best validation IoU after each trial: a line that still rises asks for "
        "more trials. Beside it every trial over each setting, from one end of its range to the "
        "other: full points ran to their end, hollow ones were pruned, the ring marks the winner. "
        "A winner at an end asks for a wider range.",
        f"Scatter plots of validation IoU over {', '.join(map(readable_name, tuned))} for the trials of "
        f"{', '.join(each.name for each in found)}, and the best IoU over trials.",
        figure,
    )


def _draw_best_so_far(axis: Axes, found: SearchSummary, look: SeriesStyle) -> None:
    places = range(1, len(found.best_so_far) + 1)
    axis.step(places, found.best_so_far, where="post", color=look.colour)
    axis.plot(places, found.best_so_far, linestyle="", marker=look.marker, markersize=4,
              color=look.colour)  # fmt: skip
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_setting(
    axis: Axes, found: SearchSummary, look: SeriesStyle, name: str, scale: Range | Choices
) -> None:
    done = completed_trials(found.trials)
    for trial in found.trials:
        if name not in trial.settings:
            continue
        fill = look.colour if trial in done else "none"
        axis.scatter(trial.settings[name], trial.value, s=22, marker=look.marker,
                     edgecolors=look.colour, facecolors=fill)  # fmt: skip
    best = max(done, key=lambda trial: trial.value, default=None)
    if best is not None and name in best.settings:
        axis.scatter(best.settings[name], best.value, s=130, marker="o", facecolors="none",
                     edgecolors="0.2", linewidths=1.4)  # fmt: skip
    _show_range(axis, scale)


def _show_range(axis: Axes, scale: Range | Choices) -> None:
    """Show the whole range, and its ends."""
    if isinstance(scale, Choices):
        axis.set_xscale("log", base=2)
        axis.set_xticks(scale.choices, [str(each) for each in scale.choices])
        axis.set_xlim(min(scale.choices) / 1.5, max(scale.choices) * 1.5)
        axis.xaxis.set_minor_locator(NullLocator())
        return
    room = 0.06
    if scale.log:
        axis.set_xscale("log")
        middle = (scale.low * scale.high) ** 0.5
        axis.set_xticks([scale.low, middle, scale.high])
        factor = (scale.high / scale.low) ** room
        axis.set_xlim(scale.low / factor, scale.high * factor)
    else:
        axis.set_xticks([scale.low, (scale.low + scale.high) / 2, scale.high])
        width = room * (scale.high - scale.low)
        axis.set_xlim(scale.low - width, scale.high + width)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:.2g}"))
    for end in (scale.low, scale.high):
        axis.axvline(end, color="0.75", linewidth=1)
