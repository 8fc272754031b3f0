"""Numbers as a person reads them. What is not defined is a dash, never 'nan'."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

Row = Mapping[Hashable, Any]  # one row of the comparison table

DASH = "–"  # noqa: RUF001  # the sign for 'no value', on the page and in Markdown


def score(value: float) -> str:
    """Return a fraction of 1 with three decimals."""
    return DASH if math.isnan(value) else f"{value:.3f}"


def spread(row: Row, name: str) -> str:
    """Return a mean, with the standard deviation over seeds where there are several."""
    deviation = row[f"{name}_sd"]
    if math.isnan(row[name]) or math.isnan(deviation):
        return score(row[name])
    return f"{row[name]:.3f} ± {deviation:.3f}"


def span(row: Row, low: str, high: str) -> str:
    """Return the interval between two columns."""
    return DASH if math.isnan(row[low]) else f"{row[low]:.3f} to {row[high]:.3f}"


def percent(value: float) -> str:
    """Return a fraction as a whole percentage."""
    return DASH if math.isnan(value) else f"{100 * value:.0f} %"


def share(value: float) -> str:
    """Return a fraction as a percentage; more digits below one, where the small classes are."""
    if math.isnan(value):
        return DASH
    return f"{100 * value:.1f} %" if value >= 0.01 else f"{100 * value:.2f} %"


def amount(value: float) -> str:
    """Return a count of parameters or operations with its thousands, millions or billions."""
    if math.isnan(value):
        return DASH
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if math.isnan(seconds):
        return DASH
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def plain(value: float) -> str:
    """Return a setting: whole numbers whole, others to three digits."""
    if math.isnan(value):
        return DASH
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"
