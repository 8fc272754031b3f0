"""Renames methods and fields of classes."""

import ast
import collections
import pathlib
import re
from dataclasses import dataclass

from move_modules.project import Project
from move_modules.renames import SETTERS
from move_modules.source import Scope, Source
from move_modules.text_edits import Edits
from move_modules.types_of import Key, Types

# Names that objects of Python's own have: an unknown receiver may be one of these.
COMMON = {
    name
    for each in (
        str,
        bytes,
        int,
        float,
        list,
        dict,
        set,
        tuple,
        pathlib.Path,
        collections.deque,
        re,
    )
    for name in dir(each)
} | {"shape", "dtype", "size", "mean", "sum", "min", "max", "state", "value", "params", "number"}


@dataclass
class Change:
    """A member's new name. family: its class, with subclasses and bases that have it too."""

    old: str
    new: str
    family: set[Key]
    others: list[str]


def rename_members(project: Project, members: list[tuple[str, str, str, str]]) -> None:
    """Rename members of classes wherever it is certain; warn of the rest."""
    types = Types(project)
    changes: dict[str, list[Change]] = {}
    for module, name, old, new in members:
        change = _change(project, types, (module, name), old, new)
        if change:
            changes.setdefault(old, []).append(change)
            project.report.done.append(f"member {module}.{name}.{old} -> {new}")
    if not changes:
        return
    for source in types.sources.values():
        edits = Edits()
        _definitions(source, types, changes, edits)
        for node, scope in source.attributes:
            if node.attr in changes:
                _attribute(project, source, types, (node, scope), changes[node.attr], edits)
        for call, scope in source.calls:
            _call(project, source, types, (call, scope), changes, edits)
        _loose(project, source, changes)
        _strings(source, changes, edits)
        if edits:
            project.texts[source.path] = edits.apply(source.places.data)
    for path in project.others():
        for number, line in enumerate(project.texts[path].splitlines(), 1):
            for old in changes:
                if path.endswith(".j2") and re.search(rf"\.{old}\b", line):
                    project.report.warn(f"{path}:{number}: .{old} in a template: by hand")


def _change(project: Project, types: Types, key: Key, old: str, new: str) -> Change | None:
    has = [each for each, found in types.classes.items() if old in found.members]
    related = {key} | {k for k in types.classes if _is_under(types, k, key)}
    related |= {k for k in has if any(_is_under(types, each, k) for each in related)}
    related |= {k for k in types.classes if any(_is_under(types, k, each) for each in related)}
    family = related
    if not any(each in has for each in family):
        if not any(new in types.classes[each].members for each in family):
            project.report.warn(f"{'.'.join(key)} has no member {old}, nor {new}")
        return None
    if any(new in types.classes[each].members for each in family):
        project.report.errors.append(f"member {'.'.join(key)}.{old}: {new} is there already")
        return None
    others = [".".join(each) for each in has if each not in family]
    return Change(old, new, family, others)


def _is_under(types: Types, key: Key, base: Key) -> bool:
    return key != base and any(each is types.classes[base] for each in types.lineage(key))


def _definitions(
    source: Source, types: Types, changes: dict[str, list[Change]], edits: Edits
) -> None:
    for old, each in changes.items():
        for change in each:
            for key in change.family:
                found = types.classes[key]
                if found.source is source:
                    for use in source.uses(source.scope_of[found.node], old):
                        edits.add(use.start, use.start + len(old.encode()), change.new)


def _attribute(
    project: Project,
    source: Source,
    types: Types,
    place: tuple[ast.Attribute, Scope],
    changes: list[Change],
    edits: Edits,
) -> None:
    node, scope = place
    end = source.places.end(node)
    key = types.class_named(source, scope, node.value)
    if key is None:
        if isinstance(types.meaning(source, scope, node.value), str):
            return  # a module, or something of another project
        kind = types.of(source, scope, node.value)
        key = kind.key if kind else None
    change = next((each for each in changes if key in each.family), None)
    if change is None and key is not None:
        return
    if change is None:
        change = changes[0]
        where = source.line(end)
        if not _only(changes, source):
            others = ", ".join(sorted(_theirs(changes, source))) or "several lines of the table"
            project.report.warn(f"{where}: .{node.attr} of what? left ({others})")
            return
        if node.attr in COMMON:
            project.report.warn(f"{where}: .{node.attr} of what? left (a common name)")
            return
    edits.add(end - len(node.attr.encode()), end, change.new)


def _theirs(changes: list[Change], source: Source) -> set[str]:
    """Return the other classes that have a member of this name, and may be met in a file."""
    ours = {".".join(each) for one in changes for each in one.family}
    theirs = {each for one in changes for each in one.others} - ours
    if not source.path.startswith("tests/"):
        theirs = {each for each in theirs if not each.startswith("tests.")}
    return theirs


def _only(changes: list[Change], source: Source) -> bool:
    """Return whether a member of this name can but be one that gets the same new name."""
    return not _theirs(changes, source) and len({one.new for one in changes}) == 1


def _call(
    project: Project,
    source: Source,
    types: Types,
    place: tuple[ast.Call, Scope],
    changes: dict[str, list[Change]],
    edits: Edits,
) -> None:
    call, scope = place
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    key = types.class_named(source, scope, call.func)
    if key is None and name == "replace" and call.args:
        kind = types.of(source, scope, call.args[0])
        key = kind.key if kind else None
    for keyword in call.keywords:
        for change in changes.get(keyword.arg or "", ()):
            alone = not change.others or _only(changes[change.old], source)
            if key in change.family or (key is None and name == "replace" and alone):
                start = source.places.start(keyword)
                edits.add(start, start + len(change.old.encode()), change.new)
            elif key is None and name == "replace":
                where = source.line(source.places.start(keyword))
                project.report.warn(f"{where}: replace(…, {change.old}=…) of what? left")
    if name in SETTERS and len(call.args) >= 2:
        constant = call.args[1]
        if not (isinstance(constant, ast.Constant) and isinstance(constant.value, str)):
            return
        owner = types.class_named(source, scope, call.args[0])
        if owner is None:
            kind = types.of(source, scope, call.args[0])
            owner = kind.key if kind else None
        for change in changes.get(constant.value, ()):
            if owner in change.family:
                start, end = source.places.start(constant), source.places.end(constant)
                edits.add(start + 1, end - 1, change.new)


def _loose(project: Project, source: Source, changes: dict[str, list[Change]]) -> None:
    """Warn of strings and patterns that may mean a member."""
    for node in ast.walk(source.plain_tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in changes:
            where = source.line(source.places.start(node))
            project.report.warn(f'{where}: "{node.value}" in a string: is it the member?')
        if isinstance(node, ast.MatchClass):
            for name in set(node.kwd_attrs) & set(changes):
                where = source.line(source.places.start(node))
                project.report.warn(f"{where}: {name} in a pattern: by hand")


def _strings(source: Source, changes: dict[str, list[Change]], edits: Edits) -> None:
    """Change `module.Class.member` in strings and comments."""
    for token in source.tokens:
        text = token.string
        for old, each in changes.items():
            for change in each if old in text else ():
                for module, name in change.family:
                    dotted = rf"\b({re.escape(module)}\.{name}|{name})\.{old}\b"
                    text = re.sub(dotted, rf"\1.{change.new}", text)
        if text != token.string:
            edits.add(*source.places.token(token), text)
