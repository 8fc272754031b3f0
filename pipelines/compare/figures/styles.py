"""The colour and the marker of each model, the same in every chart, table and study.

Ten colours: seven of Okabe and Ito 2008, and a purple, a violet and a brown. Under each simulated
colour blindness (Machado et al. 2009) no two are closer than the closest two of Okabe and Ito's
own eight. Markers help in greyscale prints, and where colours repeat.
"""

from typing import NamedTuple
from zlib import crc32

import pandas as pd

from pipelines.config.sections import ENSEMBLE


class SeriesStyle(NamedTuple):
    """The colour and the marker of a model, the same in every chart."""

    colour: str
    marker: str


FIXED_STYLES = {
    "unet": SeriesStyle("#0072B2", "o"),
    "pspnet": SeriesStyle("#D55E00", "s"),
    "segnet": SeriesStyle("#009E73", "^"),
    "deeplabv3plus": SeriesStyle("#CC79A7", "D"),
    "lraspp": SeriesStyle("#E69F00", "P"),
    "segformer": SeriesStyle("#56B4E9", "v"),
    "bisenet": SeriesStyle("#AA3377", "<"),
    "hrnet": SeriesStyle("#5D3A9B", ">"),
    "reference-unet": SeriesStyle("#56B4E9", "d"),
    "reference-pspnet": SeriesStyle("#E69F00", "h"),
    "reference-segnet": SeriesStyle("#7A4B00", "8"),
    ENSEMBLE: SeriesStyle("#000000", "X"),
}
COLOURS = tuple(dict.fromkeys(style.colour for style in FIXED_STYLES.values()))
USUAL = ("unet", "pspnet", "segnet", ENSEMBLE)  # no other model has their colours if one is free
OTHER_MARKERS = ("p", "*", "H")  # of models without a fixed style


def series_styles(table: pd.DataFrame) -> dict[str, SeriesStyle]:
    """Return the style of each model by name, in the table's order.

    A known network has its fixed style. Another has a colour that is derived from its name, or the
    next that is free in this study; colours repeat after ten models, markers of unknown models
    after three.
    """
    names = [str(name) for name in table["architecture"]]
    chosen = {name: FIXED_STYLES[name] for name in names if name in FIXED_STYLES}
    unknown = sorted(set(names) - set(chosen))
    used = {style.colour for style in chosen.values()}
    usual = {FIXED_STYLES[name].colour for name in USUAL}
    for number, name in enumerate(unknown):
        first = crc32(name.encode()) % len(COLOURS)
        order = COLOURS[first:] + COLOURS[:first]
        free = [colour for colour in order if colour not in used | usual]
        free += [colour for colour in order if colour not in used]
        colour = (free or order)[0]
        used.add(colour)
        chosen[name] = SeriesStyle(colour, OTHER_MARKERS[number % len(OTHER_MARKERS)])
    return {name: chosen[name] for name in names}
