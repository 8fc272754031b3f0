"""Moves one top-level definition to another module."""

import ast

from move_modules.merges import (
    Refused,
    at_import,
    is_main,
    place_imports,
    start_with_comments,
    whole_lines,
)
from move_modules.project import Project
from move_modules.renames import Pass
from move_modules.source import Imported, Source
from move_modules.table import definitions
from move_modules.text_edits import Edits


def move_symbol(project: Project, module: str, name: str, target: str, together: set[str]) -> None:
    """Move a definition with the imports that it needs. Raises Refused, with nothing changed.

    together: all that goes the same way; a statement that defines several names goes with them.
    """
    kept = dict(project.texts)
    source, goal = project.of_module(module), project.of_module(target)
    if source is None or name not in definitions(source):
        if goal and name in definitions(goal):
            return  # it went with another
        raise Refused(f"{module} defines no {name}")
    node = _definition(source, name)
    names = _assigned(node) or {name}
    if not names <= together:
        raise Refused(f"{', '.join(sorted(names - together))} would go with {name}")
    try:
        _move(project, module, names, target)
    except Refused:
        project.texts = kept
        raise


def _move(project: Project, module: str, names: set[str], target: str) -> None:
    source = project.of_module(module)
    assert source  # noqa: S101  # checked before
    node = _definition(source, min(names))
    if project.of_module(target) is None:
        path = target.replace(".", "/") + ".py"
        if not path.startswith("tests/"):
            project.add_package(target.rpartition(".")[0])
        project.texts[path] = f'"""{target.rpartition(".")[2]}: a docstring is wanted here."""\n'
        project.report.warn(f"{path}: new; give it a docstring of its own")
    goal = project.of_module(target)
    assert goal  # noqa: S101  # made above
    source, node = _at_home(project, source, target, node)
    first, last = start_with_comments(source, node), source.places.end(node)
    last = whole_lines(source, first, last)[1]
    text = source.places.data[first:last].decode().strip("\n")
    imports = _needs(project, source, goal, names, (first, last))
    _cut(project, source, target, names, (first, last))
    for name in sorted(names):
        _drop_own(project, project.source(goal.path), module, name)
    goal = project.of_module(target)
    assert goal  # noqa: S101
    project.texts[goal.path] = place_imports(goal, [], imports, [])
    goal = project.source(goal.path)
    project.texts[goal.path] = _placed(goal, names, text)
    Pass(project, {}, {}, {(module, name): target for name in names}).run({})


def _at_home(
    project: Project, source: Source, target: str, node: ast.stmt
) -> tuple[Source, ast.stmt]:
    """In a definition say NAME for `target.NAME`; return it as it reads then."""
    index = source.plain_tree.body.index(node)
    begin, end = source.places.start(node), source.places.end(node)
    edits = Edits()
    for chain in source.chains:
        imported = source.imported(chain.root.scope, chain.root.name)
        if imported is None or imported.target != target or not begin <= chain.root.start < end:
            continue
        if chain.root.scope.find(chain.attributes[0]) is None:
            edits.add(chain.root.start, chain.ends[0], chain.attributes[0])
    project.texts[source.path] = edits.apply(source.places.data)
    source = project.source(source.path)
    return source, source.plain_tree.body[index]


def _definition(source: Source, name: str) -> ast.stmt:
    found = [
        each
        for each in source.plain_tree.body
        if getattr(each, "name", None) == name or name in _assigned(each)
    ]
    if len(found) != 1:
        raise Refused(f"{name} is not defined by one statement of its own")
    return found[0]


def _assigned(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.AnnAssign):
        return {node.target.id} if isinstance(node.target, ast.Name) else set()
    if not isinstance(node, ast.Assign):
        return set()
    names = (each for target in node.targets for each in ast.walk(target))
    return {each.id for each in names if isinstance(each, ast.Name)}


def _needs(
    project: Project, source: Source, goal: Source, names: set[str], span: tuple[int, int]
) -> list[str]:
    """Return the imports that a definition needs in its new place."""
    inside = [i for i in source.idents if span[0] <= i.start < span[1]]
    used = {i.name for i in inside if i.scope.find(i.name) is source.top} - names
    name = ", ".join(sorted(names))
    lines: list[str] = []
    for each in sorted(used):
        imported = source.imported(source.top, each)
        there = goal.imported(goal.top, each)
        if imported and imported.module == goal.module and imported.name == each:
            continue  # it is at home there
        if imported and imported.target == goal.module:
            raise Refused(f"{name} says {each}.…, which would be its own module")
        if each in goal.top.bound:
            wanted = imported.target if imported else f"{source.module}.{each}"
            if there is None or there.target != wanted:
                raise Refused(f"{each} is something else in {goal.module}")
            continue
        lines.append(_line(source, imported, each))
        if imported is None:
            project.report.warn(f"{goal.path}: {name} needs {each} of {source.module}: a circle?")
    return lines


def _line(source: Source, imported: Imported | None, name: str) -> str:
    if imported is None:
        return f"from {source.module} import {name}"
    as_part = f" as {imported.alias.asname}" if imported.alias.asname else ""
    if imported.name is None:
        return f"import {imported.module}{as_part}"
    return f"from {imported.module} import {imported.name}{as_part}"


def _cut(
    project: Project, source: Source, target: str, names: set[str], span: tuple[int, int]
) -> None:
    """Take a definition out; import it where it is still used."""
    outside = [i for i in source.idents if not span[0] <= i.start < span[1]]
    used = {i.name for i in outside if i.scope.find(i.name) is source.top}
    used |= {
        str(each.value)
        for node in source.plain_tree.body
        if isinstance(node, ast.Assign) and "__all__" in _assigned(node)
        for each in ast.walk(node)
        if isinstance(each, ast.Constant)
    }
    data = source.places.data
    before, after = data[: span[0]].decode().rstrip("\n"), data[span[1] :].decode().lstrip("\n")
    project.texts[source.path] = f"{before}\n\n\n{after}" if after else f"{before}\n"
    if used & names:
        left = project.source(source.path)
        line = f"from {target} import {', '.join(sorted(used & names))}"
        project.texts[source.path] = place_imports(left, [], [line], [])


def _drop_own(project: Project, goal: Source, module: str, name: str) -> None:
    """Drop the imports of what is now at home."""
    own = [i for i in goal.imports if (i.module, i.name) == (module, name)]
    if any(i.alias.asname for i in own):
        raise Refused(f"{goal.path} imports {name} under another name")
    if name in goal.top.bound and not own:
        raise Refused(f"{goal.module} has a {name} already")
    edits = Edits()
    for imported in own:
        statement = imported.statement
        left = [each for each in statement.names if each is not imported.alias]
        start, end = goal.places.start(statement), goal.places.end(statement)
        if left:
            names = ", ".join(f"{a.name} as {a.asname}" if a.asname else a.name for a in left)
            edits.add(start, end, f"from {module} import {names}")
        elif imported.scope is goal.top:
            edits.add(*whole_lines(goal, start, end), "")
        else:
            edits.add(start, end, "pass")
    project.texts[goal.path] = edits.apply(goal.places.data)


def _placed(goal: Source, names: set[str], text: str) -> str:
    """Return the module's text with a definition at its end, or before its first use."""
    nodes = goal.plain_tree.body
    needs = [each for each in nodes if names & at_import(each) or is_main(each)]
    if not needs:
        return f"{goal.text.rstrip()}\n\n\n{text}\n"
    at = start_with_comments(goal, needs[0])
    data = goal.places.data
    return f"{data[:at].decode().rstrip()}\n\n\n{text}\n\n\n{data[at:].decode()}"
