"""Formatting of the report's numbers. An undefined value (NaN) is shown as a dash."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[Hashable, Any]  # one row of the comparison table

DASH = "–"  # noqa: RUF001  # shown where there is no value
MINUS = "−"  # noqa: RUF001  # as wide as a plus sign


def format_score(value: float) -> str:
    """Return a fraction of 1 with three decimals."""
    return DASH if math.isnan(value) else f"{value:.3f}"


def format_mean_and_deviation(row: Row, name: str) -> str:
    """Return a mean score, with its standard deviation where there are several seeds."""
    deviation = row[f"{name}_sd"]
    if math.isnan(row[name]) or math.isnan(deviation):
        return format_score(row[name])
    return f"{row[name]:.3f} ± {deviation:.3f}"


def format_interval(row: Row, low: str, high: str) -> str:
    """Return the interval from the column `low` to the column `high`."""
    return DASH if math.isnan(row[low]) else f"{row[low]:.3f} to {row[high]:.3f}"


def format_percent(value: float) -> str:
    """Return a fraction as a whole percentage."""
    return DASH if math.isnan(value) else f"{100 * value:.0f} %"


def format_share(value: float) -> str:
    """Return a fraction as a percentage; below 1 %, where small classes are, with two decimals."""
    if math.isnan(value):
        return DASH
    return f"{100 * value:.1f} %" if value >= 0.01 else f"{100 * value:.2f} %"


def format_count(value: float) -> str:
    """Return a count of parameters or operations in thousands (k), millions (M) or billions (G)."""
    if math.isnan(value):
        return DASH
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.0f}"


def format_duration(seconds: float) -> str:
    """Return a time in seconds, minutes or hours, by its length."""
    if math.isnan(seconds):
        return DASH
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def format_number(value: float) -> str:
    """Return a setting: a whole number without decimals, any other with three digits."""
    if math.isnan(value):
        return DASH
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.3g}"


def format_signed(value: float) -> str:
    """Return a difference of fractions with its sign (a typographic minus)."""
    if math.isnan(value):
        return DASH
    return f"{value:+.3f}".replace("-", MINUS)


def format_signed_interval(low: float, high: float) -> str:
    """Return an interval of differences."""
    return DASH if math.isnan(low) else f"{format_signed(low)} to {format_signed(high)}"


def format_ratio(log_ratio: float) -> str:
    """Return the ratio with this natural logarithm, for example '2.3 times'."""
    return DASH if math.isnan(log_ratio) else f"{math.exp(log_ratio):.3g} times"


def format_p_value(value: float) -> str:
    """Return a p-value with three decimals."""
    if math.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def format_with_deviation(row: Row, name: str, text: Callable[[float], str]) -> str:
    """Return a mean in the format `text`, with its deviation where there are several seeds."""
    deviation = row.get(f"{name}_sd", math.nan)
    if math.isnan(row[name]) or math.isnan(deviation) or deviation == 0:
        return text(row[name])
    return f"{text(row[name])} ± {text(deviation)}"


def join_words(names: Sequence[str], comma: str = ", ") -> str:
    """Join names to 'a, b and c'."""
    if len(names) < 2:
        return "".join(names)
    return f"{comma.join(names[:-1])}{';' if comma == '; ' else ''} and {names[-1]}"


def readable_name(name: str) -> str:
    """Return the name of a class or a kind as words: 'left_eye' becomes 'left eye'."""
    return name.replace("_", " ").strip() or name


@dataclass(frozen=True)
class TextTable:
    """Column headings and rows of text."""

    headings: tuple[str, ...]
    rows: list[list[str]]

    def without_empty_columns(self) -> "TextTable":
        """Return the table without the columns whose cells are all dashes or empty.

        It has no rows if only the first column is left.
        """
        shown = [
            index
            for index in range(len(self.headings))
            if index == 0 or any(row[index] not in (DASH, "") for row in self.rows)
        ]
        if len(shown) < 2:
            return TextTable(self.headings, [])
        headings = tuple(self.headings[index] for index in shown)
        return TextTable(headings, [[row[index] for index in shown] for row in self.rows])
