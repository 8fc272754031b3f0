"""Appends a module to another."""

import ast
import re

from move_modules.project import Project
from move_modules.renames import Pass
from move_modules.source import Imported, Source
from move_modules.table import definitions
from move_modules.text_edits import Edits


class Refused(Exception):  # noqa: N818
    """Why two modules cannot be merged."""


def merge(project: Project, old: str, new: str) -> None:
    """Append module `old` to `new`. Raises Refused, having changed nothing that is kept."""
    kept = dict(project.texts)
    try:
        for module in (old, new):
            if project.of_module(module) is None:
                raise Refused(f"there is no module {module}")
        _part_names(project, old, new)
        _inline(project, old, new)
        _inline(project, new, old)
        _alias_imports(project, old, new)
        _join(project, old, new)
    except Refused:
        project.texts = kept
        raise


def _both(project: Project, old: str, new: str) -> tuple[Source, Source]:
    first, second = project.of_module(old), project.of_module(new)
    assert first and second  # noqa: S101  # checked by merge
    return first, second


def _part_names(project: Project, old: str, new: str) -> None:
    """Give names that both modules define other ones, or refuse."""
    first, second = _both(project, old, new)
    last = old.rpartition(".")[2]
    names: dict[tuple[str, str], str] = {}
    public: list[str] = []
    is_test = first.path.startswith("tests/")
    for name in sorted(definitions(first) & definitions(second)):
        if _text_of(first, name) == _text_of(second, name):
            continue
        if name.startswith("__") or (
            not name.startswith("_") and not (is_test and not _is_fixture(first, name))
        ):
            public.append(name)
        else:
            unique = f"{name}_{last}".upper() if name.isupper() else f"{name}_{last}"
            names[old, name] = unique
            project.report.warn(f"{first.path}: {name} is in {second.path} too: now {unique}")
    if public:
        raise Refused(f"both define {', '.join(public)}")
    for name in _builtins(first) & definitions(second) | _builtins(second) & definitions(first):
        raise Refused(f"{name} is Python's own in one and another's in the other")
    if names:
        renaming = Pass(project, {}, names)
        renaming.run({})
        if renaming.refused:
            raise Refused("a private name could not be changed")


def _is_fixture(source: Source, name: str) -> bool:
    nodes = source.top.bound[name]
    return any("fixture" in ast.unparse(d) for n in nodes for d in getattr(n, "decorator_list", []))


def _builtins(source: Source) -> set[str]:
    return {each.name for each in source.idents if each.scope.find(each.name) is None}


def _statements(source: Source, name: str) -> list[ast.stmt]:
    """Return the top-level statements that define a name."""
    return [each for each in source.plain_tree.body if name in _defines(each)]


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {n.id for n in stored if isinstance(n.ctx, ast.Store)}


def _text_of(source: Source, name: str) -> str:
    return "\n".join(ast.dump(each) for each in _statements(source, name))


def _inline(project: Project, module: str, other: str) -> None:
    """In a module, name what is in the other as if it were here."""
    source = project.of_module(module)
    assert source  # noqa: S101
    edits = Edits()
    dropped: list[Imported] = []
    for each in source.imports:
        is_object = each.target == other and not each.plain
        if each.module == other and each.name and each.target != other:
            dropped.append(each)
            if each.local != each.name:
                _rename_local(source, each, edits)
        elif is_object:
            dropped.append(each)
            _unqualify(source, each, edits)
        elif each.plain and each.module == other:
            raise Refused(f"{source.path} says `import {other}`: by hand")
    _drop(source, dropped, edits)
    if edits:
        project.texts[source.path] = edits.apply(source.places.data)


def _rename_local(source: Source, imported: Imported, edits: Edits) -> None:
    name = imported.name or ""
    for use in source.uses(imported.scope, imported.local):
        if use.scope.find(name) not in (None, source.top):
            raise Refused(f"{source.line(use.start)}: {name} is something else here")
        edits.add(use.start, use.start + len(use.name.encode()), name)


def _unqualify(source: Source, imported: Imported, edits: Edits) -> None:
    chained = {id(each.root): each for each in source.chains}
    for use in source.uses(imported.scope, imported.local):
        chain = chained.get(id(use))
        if chain is None:
            raise Refused(f"{source.line(use.start)}: module {use.name} is used as a value")
        if use.scope.find(chain.attributes[0]) is not None:
            raise Refused(f"{source.line(use.start)}: {chain.attributes[0]} is something else here")
        edits.add(use.start, chain.ends[0], chain.attributes[0])


def _drop(source: Source, dropped: list[Imported], edits: Edits) -> None:
    """Remove imports; `pass` where nothing else would be left."""
    gone = {id(each.alias) for each in dropped}
    bodies = [
        body
        for node in ast.walk(source.tree)
        for field in ("body", "orelse", "finalbody")
        if isinstance(body := getattr(node, field, None), list)
    ]
    emptied: set[int] = set()
    for statement in {each.statement: None for each in dropped}:
        left = [each for each in statement.names if id(each) not in gone]
        start, end = source.places.start(statement), source.places.end(statement)
        if left:
            names = ", ".join(f"{a.name} as {a.asname}" if a.asname else a.name for a in left)
            base = "." * getattr(statement, "level", 0) + (getattr(statement, "module", "") or "")
            edits.add(start, end, f"from {base} import {names}")
            continue
        emptied.add(id(statement))
        body = next(each for each in bodies if statement in each)
        if all(id(each) in emptied for each in body) and body is not source.tree.body:
            edits.add(start, end, "pass")
        else:
            edits.add(*whole_lines(source, start, end), "")


def whole_lines(source: Source, start: int, end: int) -> tuple[int, int]:
    """Widen a span to whole lines, with a comment behind it, if nothing else is on them."""
    data = source.places.data
    begin = data.rfind(b"\n", 0, start) + 1
    stop = data.find(b"\n", end)
    stop = len(data) if stop < 0 else stop
    if data[begin:start].strip() or not re.fullmatch(rb"\s*(#.*)?", data[end:stop]):
        return start, end
    return begin, min(stop + 1, len(data))


def _alias_imports(project: Project, old: str, new: str) -> None:
    """Import under another name what has a name that means something else in the other module."""
    first, second = _both(project, old, new)
    for source, other in ((first, second), (second, first)):
        edits = Edits()
        for each in source.imports:
            if each.scope is not source.top or each.local not in other.top.bound:
                continue
            theirs = other.imported(other.top, each.local)
            if each.local in definitions(source):
                continue
            if theirs and (theirs.target == each.target or source is second):
                continue
            tail = each.module.rpartition(".")[2]
            _alias(source, other, each, f"{each.local}_{tail}", edits)
            project.report.warn(
                f"{source.path}: {each.local} of {each.module} is now {each.local}_{tail}:"
                f" {other.path} has another"
            )
        if edits:
            project.texts[source.path] = edits.apply(source.places.data)


def _alias(source: Source, other: Source, imported: Imported, name: str, edits: Edits) -> None:
    taken = name in source.top.bound or name in other.top.bound
    if taken or any(name in use.scope.bound for use in source.uses(source.top, imported.local)):
        raise Refused(f"{imported.local} means two things, and so does {name}")
    if imported.plain:
        raise Refused(f"import {imported.module} meets another {imported.local}")
    for use in source.uses(source.top, imported.local):
        edits.add(use.start, use.start + len(use.name.encode()), name)
    start, end = source.places.start(imported.alias), source.places.end(imported.alias)
    edits.add(start, end, f"{imported.name or imported.module} as {name}")


def _is_import_block(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.If)
        and ast.unparse(node.test).endswith("TYPE_CHECKING")
        and not node.orelse
        and all(isinstance(each, (ast.Import, ast.ImportFrom)) for each in node.body)
    )


def _is_docstring(source: Source, node: ast.stmt) -> bool:
    return node is source.plain_tree.body[0] and ast.get_docstring(source.plain_tree) is not None


def is_main(node: ast.stmt) -> bool:
    """Return whether a statement is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)


def _text(source: Source, node: ast.AST) -> str:
    return source.places.data[source.places.start(node) : source.places.end(node)].decode()


def _join(project: Project, old: str, new: str) -> None:
    first, second = _both(project, old, new)
    futures, imports, guarded, body = _parts(first, second)
    if late := [n for n in _late_imports(first)]:
        project.report.warn(f"{first.path}:{late[0]}: an import after other code goes to the top")
    text = place_imports(second, futures, imports, guarded)
    project.texts[second.path] = text
    second = project.source(second.path)
    project.texts[second.path] = insert_body(second, first, body)
    origin = first.path
    Pass(project, {old: new}, {}).run({origin: second.path})
    project.remove(origin)


def _late_imports(source: Source) -> list[int]:
    seen, late = False, []
    for node in source.plain_tree.body:
        is_import = isinstance(node, (ast.Import, ast.ImportFrom)) or _is_import_block(node)
        if seen and is_import:
            late.append(node.lineno)
        seen = seen or not (is_import or _is_docstring(source, node))
    return late


def _parts(first: Source, second: Source) -> tuple[list[str], list[str], list[str], str]:
    """Return a module's future, common and guarded imports, and the rest of it."""
    futures: list[str] = []
    imports: list[str] = []
    guarded: list[str] = []
    edits = Edits()
    same = definitions(first) & definitions(second)
    for node in first.plain_tree.body:
        start, end = whole_lines(first, first.places.start(node), first.places.end(node))
        text = first.places.data[start:end].decode().strip()
        if _is_docstring(first, node):
            edits.add(start, end, "")
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            futures.append(text)
            edits.add(start, end, "")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(text)
            edits.add(start, end, "")
        elif _is_import_block(node) and isinstance(node, ast.If):
            for each in node.body:
                guarded.append(_text(first, each))
            edits.add(start, end, "")
        elif not isinstance(node, ast.If) and _defines(node) and _defines(node) <= same:
            decorated = getattr(node, "decorator_list", None)
            if decorated:
                start = whole_lines(first, first.places.start(decorated[0]) - 1, end)[0]
            edits.add(start, end, "")
    return futures, imports, guarded, edits.apply(first.places.data).strip("\n")


def place_imports(
    source: Source, futures: list[str], imports: list[str], guarded: list[str]
) -> str:
    """Return a module's text with more imports; those it has already are left out."""
    nodes = source.plain_tree.body
    known = {_text(source, each) for each in nodes}
    futures = [each for each in futures if each not in known]
    imports = [each for each in imports if each not in known]
    have = {(i.local, i.target) for i in source.imports if i.scope is source.top}
    guarded = [each for each in guarded if not _bound_by(each, source.package) <= have]
    if not futures + imports + guarded:
        return source.text
    data, at = source.places.data, 0
    if nodes and _is_docstring(source, nodes[0]):
        at = whole_lines(source, source.places.start(nodes[0]), source.places.end(nodes[0]))[1]
    leading = [n for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom))]
    if leading:
        at = whole_lines(source, source.places.start(leading[0]), source.places.end(leading[-1]))[1]
    text = "\n".join(imports) + "\n"
    if guarded:
        text += "\nif TYPE_CHECKING:\n" + "".join(f"    {each}\n" for each in guarded)
    if not leading:
        text = "\n" + text + "\n"
    new = data[:at].decode() + text + data[at:].decode()
    if futures:
        head = 0
        if nodes and _is_docstring(source, nodes[0]):
            end = source.places.end(nodes[0])
            head = whole_lines(source, source.places.start(nodes[0]), end)[1]
        before = new.encode()
        new = before[:head].decode() + "\n".join(["", *futures, ""]) + before[head:].decode()
    return new


def _bound_by(text: str, package: str) -> set[tuple[str, str]]:
    read = Source(f"{package}.x", "x.py", text)
    return {(each.local, each.target) for each in read.imports}


def insert_body(target: Source, origin: Source, body: str) -> str:
    """Return the target's text with a body at its end, or before what needs it."""
    nodes = target.plain_tree.body
    doc = (ast.get_docstring(origin.plain_tree) or "").strip().splitlines()
    heading = "\n".join(f"# --- {t}" if not n else f"# {t}".rstrip() for n, t in enumerate(doc))
    ours = definitions(origin)
    needs_them = [n for n in nodes if at_import(n) & ours and not is_main(n)]
    before = needs_them[0] if needs_them else None
    mains = [each for each in nodes if is_main(each)]
    if mains and any(is_main(each) for each in origin.plain_tree.body):
        raise Refused("both have a main part")
    if before is not None:
        needed = set().union(*(at_import(n) for n in origin.plain_tree.body))
        behind = set().union(*(_defines(n) for n in nodes[nodes.index(before) :]))
        if needed & behind:
            words = ", ".join(sorted(needed & behind))
            raise Refused(f"each needs the other as it is imported ({words})")
    elif mains:
        before = mains[0]
    data = target.places.data
    part = f"{heading}\n\n{body}" if heading and body else body
    if before is None:
        return f"{target.text.rstrip()}\n\n\n{part}\n" if part else target.text
    at = start_with_comments(target, before)
    return f"{data[:at].decode().rstrip()}\n\n\n{part}\n\n\n{data[at:].decode()}"


def start_with_comments(source: Source, node: ast.stmt) -> int:
    """Return where a statement begins, with its decorators and the comments right above it."""
    line = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    while line > 1 and source.places.lines[line - 2].startswith("#"):
        line -= 1
    return source.places.offset(line, 0)


def at_import(node: ast.AST) -> set[str]:
    """Return the names that a statement asks for as its module is imported."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        args = node.args
        every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
        parts: list[ast.AST | None] = [*args.defaults, *args.kw_defaults]
        parts += [a.annotation for a in every if a]
        parts += [*getattr(node, "decorator_list", []), getattr(node, "returns", None)]
    else:
        parts = list(ast.iter_child_nodes(node))
    own = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else set()
    return own.union(*(at_import(each) for each in parts if each))
