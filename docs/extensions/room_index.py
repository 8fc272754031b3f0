"""The directive `room-index PACKAGE`: each room of a package, what it holds, and its modules.

The text is read from the modules' docstrings without importing them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

REPOSITORY = Path(__file__).resolve().parents[2]


class RoomIndex(SphinxDirective):
    """Write one section for each room of a top-level package."""

    required_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed index."""
        package = REPOSITORY / self.arguments[0]
        rooms = sorted(each.parent for each in package.glob("*/__init__.py"))
        lines = [line for room in rooms for line in _room(room)]
        self.env.note_dependency(__file__)
        return self.parse_text_to_nodes(
            StringList(lines, source=str(package)), allow_section_headings=True
        )


def _room(room: Path) -> Iterator[str]:
    yield f"## `{_dotted(room)}`"
    yield ""
    yield from _docstring(room / "__init__.py").splitlines()
    yield ""
    modules = [each for each in sorted(room.rglob("*.py")) if each.name != "__init__.py"]
    yield "| module | content |"
    yield "|---|---|"
    for module in modules:
        summary = " ".join(_docstring(module).partition("\n\n")[0].split()).replace("|", "\\|")
        name = _dotted(module.with_suffix("")).removeprefix(f"{_dotted(room)}.")
        yield f"| `{name}` | {summary} |"
    yield ""


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).parts)


def _docstring(module: Path) -> str:
    return ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("room-index", RoomIndex)
    return {"parallel_read_safe": True}
