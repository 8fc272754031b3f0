"""The search in pictures: how the best score grew, and the score over each tuned setting."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from pipelines.compare.chart import WIDTH, Chart, Look, looks, readable
from pipelines.compare.collect import Record
from pipelines.compare.importance import Search, completed, searches
from pipelines.search.space import Choices, Range

HEIGHT = 1.9


def search(record: Record, table: pd.DataFrame) -> Chart | None:
    """Draw a row a network: the best score over trials, then every trial over each setting."""
    found = sorted(searches(record), key=lambda each: list(table["architecture"]).index(each.name))
    tuned = record.settings.search.space.tuned()
    if not found:
        return None
    figure = Figure(figsize=(WIDTH, HEIGHT * len(found) + 0.4), layout="constrained")
    axes = figure.subplots(len(found), 1 + len(tuned), squeeze=False, sharey="row")
    looked = looks(table)
    for row, each in zip(axes, found, strict=True):
        look = looked[each.name]
        _growth(row[0], each, look)
        row[0].set_ylabel(f"{each.name}\nval IoU")
        for axis, (name, scale) in zip(row[1:], tuned.items(), strict=True):
            _slice(axis, each, look, name, scale)
        for axis in row:  # a ring has room above it
            axis.margins(y=0.18)
    for axis, name in zip(axes[-1], ["trials", *tuned], strict=True):
        axis.set_xlabel(readable(name))
    return Chart(
        "search",
        "What mattered in the search",
        "On the left the best validation IoU after each trial: a line that still rises asks for "
        "more trials. Beside it every trial over each setting, from one end of its range to the "
        "other: full points ran to their end, hollow ones were pruned, the ring marks the winner. "
        "A winner at an end asks for a wider range.",
        f"Scatter plots of validation IoU over {', '.join(map(readable, tuned))} for the trials of "
        f"{', '.join(each.name for each in found)}, and the best IoU over trials.",
        figure,
    )


def _growth(axis: Axes, found: Search, look: Look) -> None:
    places = range(1, len(found.growth) + 1)
    axis.step(places, found.growth, where="post", color=look.colour)
    axis.plot(places, found.growth, linestyle="", marker=look.marker, markersize=4,
              color=look.colour)  # fmt: skip
    axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))


def _slice(axis: Axes, found: Search, look: Look, name: str, scale: Range | Choices) -> None:
    done = completed(found.trials)
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
    _scaled(axis, scale)


def _scaled(axis: Axes, scale: Range | Choices) -> None:
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
