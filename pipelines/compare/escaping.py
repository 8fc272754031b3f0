"""Text of the user's in Markdown, LaTeX, CSV files and the terminal: names must stay names.

Names of experiments, networks and classes, claims and descriptions come from experiment files and
from MLflow, where others can edit them. The HTML page escapes them in its template.
"""

import re

import pandas as pd

_MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;"} | {letter: f"\\{letter}" for letter in "\\`*[]|~"}
)
_EMPHASIS = re.compile(r"(?<!\w)_|_(?!\w)")  # not inside of a word: left_eye
_LATEX = (
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {letter: f"{{{letter}}}" for letter in "[]*"}  # after `\\` they would be its argument
)
# A spreadsheet calculates a cell that starts with one of these, or with its wide form.
_FORMULA = re.compile(r"[=+\-@\uff1d\uff0b\uff0d\uff20]")


def escape_markdown(text: str) -> str:
    """Return text on one line that Markdown shows as it is: no markup, HTML, link or heading."""
    escaped = _EMPHASIS.sub(r"\\_", _one_line(text).translate(_MARKDOWN))
    escaped = escaped.replace("://", "&#58;//")  # an address by itself becomes a link
    return f"\\{escaped}" if escaped.startswith("#") else escaped


def escape_latex(text: str) -> str:
    """Return text on one line with every character escaped that is special in TeX."""
    return "".join(_LATEX.get(letter, letter) for letter in _one_line(text))


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would calculate gets an apostrophe before it.

    Text is written on one line, since a carriage return alone ends a row of some programs. Numbers
    are written as they are, and so is text that is a number, such as -0.5.
    """
    escaped = table.map(_cell).rename(columns=_cell)
    return str(escaped.to_csv(index=False))


def _one_line(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = _one_line(value)
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
