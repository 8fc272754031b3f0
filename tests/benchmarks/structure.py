"""Count the structure of the code: rooms, files, lines, imports between rooms, files entered.

    python -m tests.benchmarks.structure
    python -m tests.benchmarks.structure entered train EXPERIMENT.yaml unet
    python -m tests.benchmarks.structure entered compare EXPERIMENT.yaml

The first form reads the source. The second runs a command of the program in this process and
counts the files of which a function was called, imports excluded: the files that a reader opens to
follow that command from the experiment's file to its end.
"""

import ast
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("faceseg", "pipelines")
OPTIMIZED = 1  # the flag of a function's code; a class body lacks it


def arrows(package: str) -> set[tuple[str, str]]:
    """Return the imports between rooms as (importing room, imported room)."""
    found = set()
    for path in (REPOSITORY / package).rglob("*.py"):
        room = path.relative_to(REPOSITORY / package).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for module in _imported(node, package):
                if module != room:
                    found.add((room, module))
    return found


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.module:
        first, _, rest = node.module.partition(".")
        if first == package:
            yield from [rest.partition(".")[0]] if rest else [each.name for each in node.names]
    elif isinstance(node, ast.Import):
        for each in node.names:
            first, _, rest = each.name.partition(".")
            if first == package and rest:
                yield rest.partition(".")[0]


def table() -> Iterator[str]:
    """Yield a line for each package and one for the longest file and function."""
    lengths: dict[str, int] = {}
    functions: dict[str, int] = {}
    for package in PACKAGES:
        files = sorted((REPOSITORY / package).rglob("*.py"))
        rooms = {path.relative_to(REPOSITORY / package).parts[0] for path in files}
        loose = sum(name.endswith(".py") for name in rooms)
        code = {str(path.relative_to(REPOSITORY)): path.read_text("utf-8") for path in files}
        lengths |= {name: text.count("\n") for name, text in code.items()}
        for name, text in code.items():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    functions[f"{name}:{node.name}"] = _lines(node)
        yield (
            f"{package}: {len(rooms) - loose} rooms and {loose} loose modules, {len(files)} files, "
            f"{len(arrows(package))} arrows between rooms"
        )
    modules = [count for name, count in lengths.items() if not name.endswith("__init__.py")]
    longest = max(lengths, key=lambda name: lengths[name])
    function = max(functions, key=lambda name: functions[name])
    yield f"modules: median {median(modules):g} lines, longest {longest} with {lengths[longest]}"
    yield f"functions: longest {function} with {functions[function]} lines without its docstring"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    documented = function.body[:1] if ast.get_docstring(function) else []
    lines = {id(node): (node.end_lineno or 0) - node.lineno + 1 for node in (function, *documented)}
    return 2 * lines[id(function)] - sum(lines.values())


class Entered:
    """The files of the project of which a function was called outside an import."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._known: set[str] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Note the file of one call; the signature is that of `sys.setprofile`."""
        code = frame.f_code
        name = code.co_filename
        if event != "call" or name in self._known:
            return
        if not _is_ours(name):
            self._known.add(name)
        elif code.co_name != "<module>" and code.co_flags & OPTIMIZED and not _is_import(frame):
            self._known.add(name)
            self.files.add(str(Path(name).relative_to(REPOSITORY)))


def _is_ours(name: str) -> bool:
    return name.startswith(tuple(f"{REPOSITORY / package}/" for package in PACKAGES))


def _is_import(frame: FrameType) -> bool:
    above: FrameType | None = frame
    while above is not None:
        if above.f_code.co_name == "<module>" and _is_ours(above.f_code.co_filename):
            return True
        above = above.f_back
    return False


def entered(arguments: list[str]) -> int:
    """Run the command line in this process; print the files it enters, then their number."""
    from pipelines.cli import main

    record = Entered()
    sys.argv = ["faceseg", *arguments]
    threading.setprofile(record)
    sys.setprofile(record)
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.setprofile(None)
        print("\n".join(sorted(record.files)))
        print(f"{len(record.files)} files entered")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["entered"]:
        sys.exit(entered(sys.argv[2:]))
    print("\n".join(table()))
