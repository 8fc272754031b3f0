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
import pandas as pd
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

WIDTH = 12.3  # inches at 96 px: the page's column
DOTS = 130  # an inch, in PNG

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

    def uri(self) -> str:
        """Return the figure as a `data:` address."""
        kind, form = ("svg+xml", "svg") if self.vector else ("png", "png")
        return f"data:image/{kind};base64,{base64.b64encode(self._saved(form)).decode()}"

    def _saved(self, form: str) -> bytes:
        made = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        with style(), BytesIO() as file:
            self.figure.savefig(file, format=form, dpi=DOTS, metadata=made, bbox_inches="tight")
            return file.getvalue()


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in the comparison's look, then leave matplotlib as it was."""
    with mpl.rc_context(STYLE):
        yield


class Look(NamedTuple):
    """How an architecture is drawn, everywhere alike."""

    colour: str
    marker: str


def looks(table: pd.DataFrame) -> dict[str, Look]:
    """Return the look of each architecture, best first; both repeat after the seventh."""
    return {
        str(name): Look(COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
        for place, name in enumerate(table["architecture"])
    }


def readable(name: str) -> str:
    """Return a class or a kind as words: 'left_eye' becomes 'left eye'."""
    return name.replace("_", " ").strip() or name
