"""What all figures of the comparison share: their look, and how they go into a page or a file.

Drawn with matplotlib's objects; its settings are changed only inside `style()`.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pipelines.compare.formatting import readable_name
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

WIDTH = 12.3  # inches at 96 px: the page's column
DPI = 130  # an inch, in PNG

# Okabe and Ito 2008: told apart by the colour-blind. The marker tells them apart in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f98",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e8eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "xtick.color": "#3d4450",
    "ytick.color": "#3d4450",
    "text.parse_math": False,  # a class may be named with a dollar sign
    "svg.fonttype": "path",  # the same letters on every machine
    "svg.hashsalt": "faceseg",  # the same file from the same numbers
}


@dataclass(frozen=True)
class Chart:
    """A figure with its words: `caption` says what to see, `alt` stands in for the picture.

    `vector`: whether the page gets it as SVG; pictures of pixels are PNG.
    """

    name: str
    title: str
    caption: str
    alt: str
    figure: Figure
    vector: bool = True

    def png(self) -> bytes:
        """Return the figure as PNG."""
        return self._saved("png")

    def data_uri(self) -> str:
        """Return the figure as a `data:` address."""
        kind, form = ("svg+xml", "svg") if self.vector else ("png", "png")
        return f"data:image/{kind};base64,{base64.b64encode(self._saved(form)).decode()}"

    def _saved(self, form: str) -> bytes:
        made = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        with chart_style(), BytesIO() as file:
            self.figure.savefig(file, format=form, dpi=DPI, metadata=made, bbox_inches="tight")
            return file.getvalue()


@contextmanager
def chart_style() -> Iterator[None]:
    """Draw and save in the comparison's look, then leave matplotlib as it was."""
    with mpl.rc_context(STYLE):
        yield


class SeriesStyle(NamedTuple):
    """How an architecture is drawn, everywhere alike."""

    colour: str
    marker: str


def series_styles(table: pd.DataFrame) -> dict[str, SeriesStyle]:
    """Return the look of each architecture, best first; both repeat after the seventh."""
    return {
        str(name): SeriesStyle(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, name in enumerate(table["architecture"])
    }


# --- Plots beside each other: made, brought to one scale, and given one legend.

COLUMNS = 4  # plots beside each other
SUBPLOT_HEIGHT = 2.9  # inches of one plot


def ranked_models(record: StudyResults, table: pd.DataFrame) -> list[ComparedModel]:
    """Return the contenders as the table ranks them."""
    contenders = {each.name: each for each in record.models}
    return [contenders[str(name)] for name in table["architecture"]]


def limits_from_zero(axes: list[Axes]) -> tuple[float, float]:
    """Return limits from 0 to the highest of all plots, with room for a marker at 0."""
    top = max(axis.get_ylim()[1] for axis in axes)
    return -0.03 * top, top


def make_subplots(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` plots, `COLUMNS` a row at most, no empty one among them."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, SUBPLOT_HEIGHT * rows + 0.5))
    figure.set_layout_engine("constrained", h_pad=0.08)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def show_image(axis: Axes, pixels: NDArray[np.uint8]) -> None:
    """Show a picture as it is, without a frame or numbers."""
    options: dict[str, Any] = {"interpolation": "nearest"}
    axis.imshow(pixels, **options)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def legend_handle(look: SeriesStyle, name: str) -> Line2D:
    """Return a network's line for a legend."""
    return Line2D([], [], color=look.colour, marker=look.marker, label=readable_name(name))


def add_legend(figure: Figure, handles: list[Line2D]) -> None:
    """Put a legend above all plots."""
    figure.legend(handles=handles, loc="outside upper left", ncols=min(5, len(handles)))
