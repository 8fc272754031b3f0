"""The common parts of all charts: style, output as a file or inside a page, subplots, legend.

Charts use matplotlib's objects directly. Its global settings change only inside `chart_style()`.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from pipelines.compare.figures.styles import SeriesStyle
from pipelines.compare.formatting import readable_name
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

WIDTH = 12.3  # inches; at 96 px an inch, the width of the page's column
DPI = 130  # of PNG files

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
    "text.parse_math": False,  # the name of a class may contain a dollar sign
    "svg.fonttype": "path",  # text looks the same on machines without the font
    "svg.hashsalt": "faceseg",  # equal data gives equal bytes
}


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure with its title, its caption and a text alternative (`alt`).

    `vector`: the page embeds it as SVG; otherwise, for charts made of images, as PNG.
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
        """Return the figure as a `data:` URI."""
        kind, form = ("svg+xml", "svg") if self.vector else ("png", "png")
        return f"data:image/{kind};base64,{base64.b64encode(self._saved(form)).decode()}"

    def _saved(self, form: str) -> bytes:
        # Dates and versions would make equal charts differ.
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        with chart_style(), BytesIO() as file:
            self.figure.savefig(file, format=form, dpi=DPI, metadata=metadata, bbox_inches="tight")
            return file.getvalue()


@contextmanager
def chart_style() -> Iterator[None]:
    """Apply the comparison's style to what is drawn or saved inside the `with` block."""
    with mpl.rc_context(STYLE):
        yield


# --- Several subplots with one scale and one legend.

COLUMNS = 4  # subplots per row
SUBPLOT_HEIGHT = 2.9  # inches


def ranked_models(study: ComparedStudy, table: pd.DataFrame) -> list[ComparedModel]:
    """Return the models in the table's order."""
    models = {model.name: model for model in study.models}
    return [models[str(name)] for name in table["architecture"]]


def limits_from_zero(axes: list[Axes]) -> tuple[float, float]:
    """Return limits from 0 to the highest limit of all axes, with room for a marker at 0."""
    top = max(axis.get_ylim()[1] for axis in axes)
    return -0.03 * top, top


def make_subplots(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` subplots, at most `COLUMNS` per row."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, SUBPLOT_HEIGHT * rows + 0.5))
    figure.set_layout_engine("constrained", h_pad=0.08)
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(count)]
    return figure, axes


def show_image(axis: Axes, pixels: NDArray[np.uint8]) -> None:
    """Show an image without a frame, ticks or smoothing."""
    options: dict[str, Any] = {"interpolation": "nearest"}
    axis.imshow(pixels, **options)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def legend_handle(style: SeriesStyle, name: str) -> Line2D:
    """Return a model's entry of a legend."""
    return Line2D([], [], color=style.colour, marker=style.marker, label=readable_name(name))


def add_legend(figure: Figure, handles: list[Line2D]) -> None:
    """Add a legend above all subplots."""
    figure.legend(handles=handles, loc="outside upper left", ncols=min(5, len(handles)))
