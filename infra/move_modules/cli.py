"""The command: reads tables, changes the files in memory, writes them."""

import argparse
import ast
import sys
from pathlib import Path

from move_modules.members import rename_members
from move_modules.merges import Refused, merge
from move_modules.moved_symbols import move_symbol
from move_modules.project import Project, dotted
from move_modules.renames import Pass
from move_modules.strings import literal, loose_names
from move_modules.table import Plan, Planner, read
from move_modules.text_edits import Edits, Report
from move_modules.writing import tidy, write


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="move_modules", description=__doc__)
    parser.add_argument("tables", nargs="+", type=Path)
    parser.add_argument("--root", type=Path, default=Path())
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--no-format", action="store_true", help="do not run ruff")
    parser.add_argument("--keep-going", action="store_true", help="leave out merges that fail")
    options = parser.parse_args(arguments)
    report = Report()
    try:
        lines = read(options.tables)
    except (ValueError, OSError) as error:
        sys.exit(f"move_modules: {error}")
    project = Project(options.root.resolve(), report, Path(__file__).resolve().parent)
    change(project, Planner(lines, project).plan())
    stops = bool(report.errors) and not options.keep_going
    if not stops and not options.dry_run:
        changed = write(project)
        if not options.no_format:
            tidy(project.root, changed, report)
    _print(project, options.dry_run, stops)
    return 1 if report.errors else 0


def change(project: Project, plan: Plan) -> None:
    """Do all that a plan says, in memory."""
    report = project.report
    for old, new in plan.texts:
        _replace(project, old, new)
    if plan.members:
        rename_members(project, plan.members)
    if plan.symbols:
        Pass(project, {}, plan.symbols).run({})
        report.done += [f"symbol {m}.{n} -> {new}" for (m, n), new in plan.symbols.items()]
    moved = _move(project, plan)
    for package in plan.packages:
        project.add_package(package)
    for module, name, target in plan.moved_symbols:
        together = {n for m, n, t in plan.moved_symbols if (m, t) == (module, target)}
        goal = moved.get(target, target) if target not in project.modules() else target
        try:
            move_symbol(project, moved.get(module, module), name, goal, together)
            report.done.append(f"movesymbol {module}.{name} -> {target}")
        except Refused as error:
            report.errors.append(f"movesymbol {module}.{name} -> {target}: {error}")
    for old, new in plan.merges:
        _merge(project, moved.get(old, old), new)
    _remove_empty(project)


def _merge(project: Project, old: str, new: str) -> None:
    try:
        merge(project, old, new)
    except Refused as error:
        project.report.errors.append(f"merge {old} -> {new}: {error}")
    else:
        lines = project.texts[project.modules()[new]].count("\n")
        project.report.done.append(f"merge {old} -> {new} ({lines} lines before ruff)")


def _replace(project: Project, old: str, new: str) -> None:
    """Replace a text in text files, and in strings and comments of Python files."""
    count = 0
    for path in project.others():
        text = literal(project.texts[path], old, new)
        count += text != project.texts[path]
        project.texts[path] = text
    for source in project.sources():
        if old not in source.text:
            continue
        edits = Edits()
        for token in source.tokens:
            text = literal(token.string, old, new)
            if text != token.string:
                edits.add(*source.places.token(token), text)
        count += bool(edits)
        project.texts[source.path] = edits.apply(source.places.data)
    if count:
        project.report.done.append(f"text {old} -> {new}: {count} files")


def _move(project: Project, plan: Plan) -> dict[str, str]:
    """Move modules and other files; return the new name of every module that has one."""
    moved, paths = _everything(project, plan)
    if not paths:
        return moved
    _note_file_paths(project, paths)
    Pass(project, moved, {}).run(paths)
    project.relocate(paths)
    for path in list(project.texts):
        if path in paths.values() and path.endswith(".py") and not path.startswith("tests/"):
            if package := dotted(path.rpartition("/")[0]).replace("/", "."):
                project.add_package(package)
    project.report.done += [f"move {old} -> {new}" for old, new in plan.modules.items()]
    project.report.done += [f"test {old} -> {new}" for old, new in plan.paths.items()]
    tests = set(project.texts)
    for old in plan.modules:
        head, _, last = old.replace(".", "/").rpartition("/")
        if (test := f"tests/{head}/test_{last}.py") in tests and test not in plan.paths:
            project.report.warn(f"{test} stays, though {old} moved: no `test` line")
    return moved


def _everything(project: Project, plan: Plan) -> tuple[dict[str, str], dict[str, str]]:
    """Return all modules and all paths that change, with what lies in packages."""
    modules = project.modules()
    names = set(modules) | project.packages()
    moved = dict(plan.modules)
    for package in sorted(plan.modules, key=len, reverse=True):
        for each in names:
            if each.startswith(package + "."):
                moved.setdefault(each, plan.modules[package] + each[len(package) :])
    parents = {".".join(new.split(".")[:n]) for new in moved.values() for n in range(1, 9)}
    parents = {p for p in parents if any(new.startswith(p + ".") for new in moved.values())}
    paths: dict[str, str] = {}
    for old, new in moved.items():
        path, place = modules.get(old), new.replace(".", "/")
        if path is None:
            continue
        is_package = path.endswith("__init__.py") or new in parents
        paths[path] = f"{place}/__init__.py" if is_package else f"{place}.py"
    for old, new in plan.modules.items():
        folder = old.replace(".", "/")
        if f"{folder}/__init__.py" not in project.texts:
            continue
        paths[folder] = new.replace(".", "/")
        for path in project.texts:
            if path.startswith(folder + "/") and not path.endswith(".py"):
                paths.setdefault(path, paths[folder] + path[len(folder) :])
    for old, new in plan.paths.items():
        paths[old] = new
        if old.endswith(".py"):
            moved[dotted(old)] = dotted(new)
        elif old not in project.texts:
            moved[dotted(old).replace("/", ".")] = dotted(new).replace("/", ".")
    return moved, paths


def _note_file_paths(project: Project, paths: dict[str, str]) -> None:
    """Warn of what says where it is by other means than an import."""
    stems: dict[str, str] = {}
    for old, new in paths.items():
        if old.endswith(".py"):
            stem, later = (each.rpartition("/")[2].removesuffix(".py") for each in (old, new))
            if stem not in (later, "__init__"):
                stems[stem] = later
    search = loose_names(stems)
    for path, text in project.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            for found in search(line):
                if not path.endswith(project_history):
                    project.report.warn(f"{path}:{number}: names the file {found}")
            if path in paths and ("__file__" in line or "PackageLoader" in line):
                project.report.warn(f"{path}:{number}: moves, and asks where it is: {line.strip()}")


project_history = ("CHANGELOG.md", ".lock")


def _remove_empty(project: Project) -> None:
    """Remove packages from which everything has gone."""
    before = {path.rpartition("/")[0] for path in project.before if path.endswith(".py")}
    for folder in sorted(before, key=len, reverse=True):
        inside = [path for path in project.texts if path.startswith(folder + "/")]
        had = [path for path in project.before if path.startswith(folder + "/")]
        init = f"{folder}/__init__.py"
        if inside != [init] or len(had) == 1:
            continue
        body = ast.parse(project.texts[init]).body
        if len(body) <= 1 and ast.get_docstring(ast.parse(project.texts[init])) is not None:
            project.remove(init)
            project.report.done.append(f"removed {init}, the last of its package")
        else:
            project.report.warn(f"{init} is alone in its package, and holds code")


def _print(project: Project, dry: bool, stopped: bool) -> None:
    report = project.report
    for line in report.done:
        print(line)
    changed = [p for p, text in project.texts.items() if project.before.get(p) != text]
    word = "would change" if dry or stopped else "changed"
    print(f"{len(report.done)} steps; {word} {len(changed)} files")
    for line in report.warnings:
        print(f"warning: {line}")
    for line in report.errors:
        print(f"ERROR: {line}")
    if stopped:
        print("nothing was written")
