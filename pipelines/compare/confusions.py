"""What is taken for what: one row-normalised confusion matrix an architecture."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.metrics import Fractions
from pipelines.compare.chart import WIDTH, Chart, readable
from pipelines.compare.collect import Contender, Record
from pipelines.compare.formats import DASH
from pipelines.compare.plots import in_order

FEW = 12  # classes; more need a wider matrix


def confusions(record: Record, table: pd.DataFrame) -> Chart:
    """Draw the matrices of all architectures, best first; three beside each other, or two."""
    contenders = in_order(record, table)
    classes = record.classes
    columns = min(len(contenders), 3 if len(classes) <= FEW else 2)
    rows = -(-len(contenders) // columns)
    # A row of plots is as high as one matrix is wide, and has its class names below.
    side = (WIDTH - 1.2) / max(columns, 2)
    figure = Figure(figsize=(WIDTH, rows * (side + 0.3) + 1.0), layout="constrained")
    for place, contender in enumerate(contenders):
        axis = figure.add_subplot(rows, columns, place + 1)
        first = place % columns == 0
        last = place + columns >= len(contenders)
        _matrix(axis, shares(contender), classes, names_left=first, names_below=last)
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


def shares(contender: Contender) -> Fractions:
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
    names = [readable(name) for name in classes.names]
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
