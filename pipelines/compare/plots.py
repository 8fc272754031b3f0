"""Plots beside each other: made, brought to one scale, and given one legend."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pipelines.compare.chart import WIDTH, Look, readable
from pipelines.compare.collect import Contender, Record

COLUMNS = 4  # plots beside each other
HEIGHT = 2.9  # inches of one plot


def in_order(record: Record, table: pd.DataFrame) -> list[Contender]:
    """Return the contenders as the table ranks them."""
    contenders = {each.name: each for each in record.contenders}
    return [contenders[str(name)] for name in table["architecture"]]


def from_zero(axes: list[Axes]) -> tuple[float, float]:
    """Return limits from 0 to the highest of all plots, with room for a marker at 0."""
    top = max(axis.get_ylim()[1] for axis in axes)
    return -0.03 * top, top


def plots(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` plots, `COLUMNS` a row at most, no empty one among them."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, HEIGHT * rows + 0.5))
    figure.set_layout_engine("constrained", h_pad=0.08)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def picture(axis: Axes, pixels: NDArray[np.uint8]) -> None:
    """Show a picture as it is, without a frame or numbers."""
    options: dict[str, Any] = {"interpolation": "nearest"}
    axis.imshow(pixels, **options)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def handle(look: Look, name: str) -> Line2D:
    """Return a network's line for a legend."""
    return Line2D([], [], color=look.colour, marker=look.marker, label=readable(name))


def add_legend(figure: Figure, handles: list[Line2D]) -> None:
    """Put a legend above all plots."""
    figure.legend(handles=handles, loc="outside upper left", ncols=min(5, len(handles)))
