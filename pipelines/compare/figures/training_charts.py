"""Charts of training: the learning curves of the final runs, and the trials of the search."""

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
    add_legend,
    legend_handle,
    limits_from_zero,
    make_subplots,
    ranked_models,
)
from pipelines.compare.figures.styles import SeriesStyle, series_styles
from pipelines.compare.formatting import readable_name
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy
from pipelines.config.search_space import Choices, Factors, Range

LOSSES = (("val/loss", "-"), ("train/loss", "--"))


def learning_curves(study: ComparedStudy, table: pd.DataFrame) -> Chart:
    """Draw the validation IoU of all final runs in one subplot, and the losses of each model."""
    styles = series_styles(table)
    models = [model for model in ranked_models(study, table) if model.is_trained]
    figure, axes = make_subplots(1 + len(models))
    for model in models:
        _draw_scores(axes[0], model, styles[model.name])
    axes[0].set(title="validation IoU", ylim=limits_from_zero(axes[:1]))
    loss_axes = axes[1:]
    for axis, model in zip(loss_axes, models, strict=True):
        _draw_losses(axis, model, styles[model.name])
        axis.set(title=f"{model.name}: loss")
    _align_loss_axes(loss_axes, models)
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("epoch")
    handles = [legend_handle(styles[model.name], model.name) for model in models]
    handles += [
        Line2D([], [], color="0.3", label="validation loss"),
        Line2D([], [], color="0.3", linestyle="--", label="training loss"),
    ]
    add_legend(figure, handles)
    finals = sum(len(model.finals) for model in models)
    names = ", ".join(model.name for model in models)
    return Chart(
        name="learning_curves",
        title="Learning curves of the final runs",
        caption="A marker shows the epoch whose weights were kept. If a curve still rises at its "
        "end, more epochs may help. A validation loss that rises while the training loss falls is "
        "a sign of overfitting.",
        alt=f"Line plots over epochs for {finals} final runs of {names}: validation IoU, and "
        "training and validation loss.",
        figure=figure,
    )


def _draw_scores(axis: Axes, model: ComparedModel, style: SeriesStyle) -> None:
    for final in model.finals:
        history = final.history
        axis.plot(history["epoch"], history["val/iou"], color=style.colour, alpha=0.9)
        best = history.iloc[int(history["val/iou"].argmax())]
        axis.plot(best["epoch"], best["val/iou"], color=style.colour, marker=style.marker)


def _draw_losses(axis: Axes, model: ComparedModel, style: SeriesStyle) -> None:
    for final in model.finals:
        history = final.history
        for name, dashes in LOSSES:
            line: dict[str, Any] = {"linestyle": dashes, "marker": "." if len(history) == 1 else ""}
            axis.plot(history["epoch"], history[name], color=style.colour, **line)


def _align_loss_axes(axes: list[Axes], models: list[ComparedModel]) -> None:
    """Give all loss subplots one scale, a logarithmic one if losses differ by a factor of ten."""
    losses = [
        final.history[name] for model in models for final in model.finals for name, _ in LOSSES
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


# --- The search: the best score over trials, and the score over each tuned setting.

ROW_HEIGHT = 1.9  # inches


def search_chart(study: ComparedStudy, table: pd.DataFrame) -> Chart | None:
    """Draw one row per network: the best score over trials, then each trial over each setting.

    Returns:
        The chart; None if no network was tuned.
    """
    order = list(table["architecture"])
    searches = sorted(summarise_searches(study), key=lambda search: order.index(search.name))
    tuned = study.settings.search.space.tuned()
    if not searches:
        return None
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(searches) + 0.4), layout="constrained")
    axes = figure.subplots(len(searches), 1 + len(tuned), squeeze=False, sharey="row")
    styles = series_styles(table)
    for row, search in zip(axes, searches, strict=True):
        style = styles[search.name]
        _draw_best_so_far(row[0], search, style)
        row[0].set_ylabel(f"{search.name}\nval IoU")
        for axis, (name, scale) in zip(row[1:], tuned.items(), strict=True):
            _draw_setting(axis, search, style, name, scale)
        for axis in row:
            axis.margins(y=0.18)  # room for the ring around the winner
    for axis, name in zip(axes[-1], ["trials", *tuned], strict=True):
        axis.set_xlabel(readable_name(name))
    return Chart(
        name="search",
        title="What mattered in the search",
        caption="Left: the best validation IoU after each trial; if the line still rises at its "
        "end, more trials may help. Right: the validation IoU of each trial over each setting, "
        "with the whole range of the setting on the axis. Filled markers are complete trials, "
        "hollow markers pruned ones, and the ring marks the winner. If the winner is at an end of "
        "the range, widen the range.",
        alt=f"Scatter plots of validation IoU over {', '.join(map(readable_name, tuned))} for the "
        f"trials of {', '.join(search.name for search in searches)}, and the best IoU over trials.",
        figure=figure,
    )


def _draw_best_so_far(axis: Axes, search: SearchSummary, style: SeriesStyle) -> None:
    numbers = range(1, len(search.best_so_far) + 1)
    axis.step(numbers, search.best_so_far, where="post", color=style.colour)
    axis.plot(numbers, search.best_so_far, linestyle="", marker=style.marker, markersize=4,
              color=style.colour)  # fmt: skip
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _draw_setting(
    axis: Axes,
    search: SearchSummary,
    style: SeriesStyle,
    name: str,
    scale: Range | Choices | Factors,
) -> None:
    complete = completed_trials(search.trials)
    for trial in search.trials:
        if name not in trial.settings:
            continue
        fill = style.colour if trial in complete else "none"
        axis.scatter(trial.settings[name], trial.value, s=22, marker=style.marker,
                     edgecolors=style.colour, facecolors=fill)  # fmt: skip
    best = max(complete, key=lambda trial: trial.value, default=None)
    if best is not None and name in best.settings:
        axis.scatter(best.settings[name], best.value, s=130, marker="o", facecolors="none",
                     edgecolors="0.2", linewidths=1.4)  # fmt: skip
    _show_range(axis, scale)


def _show_range(axis: Axes, scale: Range | Choices | Factors) -> None:
    """Set the axis to the whole range, and mark the ends of a continuous one."""
    if isinstance(scale, Choices | Factors):
        axis.set_xscale("log", base=2)
        axis.set_xticks(scale.choices, [f"{each:g}" for each in scale.choices])
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
