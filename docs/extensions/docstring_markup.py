"""Markup of docstrings: what they contain beside reStructuredText is escaped.

Docstrings here are plain text with `code` in single backticks, `|` for absolute values and
alternatives, `*` for products and shapes, and indented blocks of code.
"""

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(`+[^`]+`+)")
LETTER = re.compile(r"(?<=: )([A-Z])\.$")  # reStructuredText would start a list
ARRAY = re.compile(r"(?:numpy\.)?ndarray\[tuple\[Any, \.\.\.\], (?:numpy\.)?dtype\[([\w.]+)\]\]")
SPECIAL = re.compile(r"(?<!\\)([*|])")
SECTION = re.compile(r"^\s*(Args|Returns|Raises|Yields|Example|Examples|Attributes|Note):$")
BEFORE_NAPOLEON = 400  # its priority is 500; a lower one runs first


def escape(  # noqa: PLR0917  # the signature of the event
    app: Sphinx, what: str, name: str, item: Any, options: Any, lines: list[str]
) -> None:
    """Escape a docstring in place."""
    escaped: list[str] = []
    in_text = True
    for number, line in enumerate(lines):
        in_text = in_text and not SECTION.match(line)
        indented = line.startswith("    ")
        follows_blank = number > 0 and not lines[number - 1].strip()
        if in_text and indented and follows_blank and not _in_block(escaped):
            escaped += ["::", ""]
        literal = (in_text and indented) or line.lstrip().startswith((">>>", "..."))
        escaped.append(line if literal else _escape_text(line))
    lines[:] = escaped


def _in_block(lines: list[str]) -> bool:
    """Return whether the last line that is not blank belongs to an indented block."""
    written = [line for line in lines if line.strip()]
    return bool(written) and written[-1].startswith("    ")


def _escape_text(line: str) -> str:
    parts = CODE.split(LETTER.sub(r"\1\\.", line))
    return "".join(
        part if number % 2 else SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts)
    )


def shorten(  # noqa: PLR0917  # the signature of the event
    app: Sphinx,
    what: str,
    name: str,
    item: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Return a signature with the arrays as `NDArray[dtype]`, as they are written in the code."""
    return (
        signature and ARRAY.sub(r"NDArray[\1]", signature),
        returned and ARRAY.sub(r"NDArray[\1]", returned),
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the events; the escape comes before napoleon reads the docstring."""
    app.connect("autodoc-process-docstring", escape, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True}
