"""The tables: their lines, and which of them are still to be done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from move_modules.project import Project
from move_modules.source import Source

VERBS = ("move", "merge", "package", "symbol", "movesymbol", "member", "test", "text")


@dataclass(frozen=True)
class Line:
    """One line of a table."""

    verb: str
    old: str
    new: str
    where: str


def read(files: Iterable[Path]) -> list[Line]:
    """Read tables. Raises ValueError for a line that is none."""
    lines: list[Line] = []
    contradictions: list[str] = []
    for file in files:
        for number, text in enumerate(file.read_text().splitlines(), 1):
            words = text if text.startswith("text ") else text.partition("#")[0]
            words = words.strip()
            if not words or words.startswith("#"):
                continue
            verb, _, rest = words.partition(" ")
            old, arrow, new = (each.strip() for each in rest.partition(" -> "))
            where = f"{file.name}:{number}"
            wanted = verb != "package"
            if verb not in VERBS or not old or bool(arrow) != wanted or wanted and not new:
                raise ValueError(f"{where}: not a line of a table: {text}")
            if verb in ("move", "merge", "symbol", "movesymbol", "member") and " " in old + new:
                raise ValueError(f"{where}: a name with a space: {text}")
            line = Line(verb, old, new, where)
            same = [each for each in lines if each.verb == verb and each.old == old]
            if same and same[0].new != new:
                contradictions.append(f"{where}: {same[0].where} says otherwise of {verb} {old}")
            if not same:
                lines.append(line)
    if contradictions:
        raise ValueError("\n".join(contradictions))
    return lines


@dataclass
class Plan:
    """What is to be done, in terms of the files as they are now."""

    modules: dict[str, str] = field(default_factory=dict)  # moves
    merges: list[tuple[str, str]] = field(default_factory=list)
    symbols: dict[tuple[str, str], str] = field(default_factory=dict)
    moved_symbols: list[tuple[str, str, str]] = field(default_factory=list)
    members: list[tuple[str, str, str, str]] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)


class Planner:
    """Finds out which lines are still to be done."""

    def __init__(self, lines: list[Line], project: Project) -> None:
        self.lines, self.project, self.report = lines, project, project.report
        self.modules, self.packages = project.modules(), project.packages()
        self.tests = {
            _as_module(each.old): _as_module(each.new) for each in lines if each.verb == "test"
        }
        self.moves = {each.old: each for each in lines if each.verb in ("move", "merge")}

    def plan(self) -> Plan:
        """Return the plan."""
        plan = Plan()
        steps: dict[str, Callable[[Plan, Line], None]] = {
            "move": self._move, "merge": self._merge, "package": self._package,
            "symbol": self._symbol, "movesymbol": self._movesymbol,
            "member": self._member, "test": self._test, "text": self._text,
        }  # fmt: skip
        for line in sorted(self.lines, key=lambda each: each.verb in ("merge", "movesymbol")):
            steps[line.verb](plan, line)
        return plan

    def exists(self, module: str) -> bool:
        """Return whether a module or package is there."""
        return module in self.modules or module in self.packages

    def pending(self, line: Line, asked: frozenset[str] = frozenset()) -> bool:
        """Return whether a move or merge is still to be done."""
        if line.old in asked or not self.exists(line.old) or line.old == line.new:
            return False
        asked |= {line.old}
        if self.is_new(line.old, asked):
            return False
        if line.verb == "merge" or not self.exists(line.new):
            return True
        if line.new in self.packages and line.new not in self.modules:
            return True  # a folder alone
        follower = self.moves.get(line.new)
        return follower is not None and self.pending(follower, asked)

    def is_new(self, module: str, asked: frozenset[str]) -> bool:
        """Return whether what has this name now came there by a line that is done."""
        return any(
            line.new == module and line.old != module and not self.pending(line, asked)
            for line in self.moves.values()
            if line.old not in asked
        )

    def now(self, module: str) -> str:
        """Return the name that a module has now."""
        seen: list[str] = []
        while module not in seen:
            seen.append(module)
            module = self._step(module)
        return module

    def _step(self, module: str) -> str:
        """Follow one line that is done."""
        for old in (module, *_ancestors(module)):
            line = self.moves.get(old)
            if line and f"{module}.".startswith(f"{line.new}."):
                continue  # it is there: `move a.b -> a.b.c`
            if line and not self.pending(line):
                new = line.new + module[len(old) :]
                if self.exists(new) or new in self.moves:
                    return new
            test = self.tests.get(old)
            if test and old not in self.modules and module not in self.modules:
                return test + module[len(old) :]
        return module

    def _move(self, plan: Plan, line: Line) -> None:
        if self.pending(line):
            plan.modules[line.old] = line.new
        elif not self.exists(line.old) and not self.exists(line.new):
            self.report.warn(f"{line.where}: there is no module {line.old}, nor {line.new}")

    def _merge(self, plan: Plan, line: Line) -> None:
        if not self.pending(line):
            if not self.exists(line.old) and not self.exists(self.now(line.new)):
                self.report.warn(f"{line.where}: there is no module {line.old}, nor {line.new}")
            return
        stays = line.new in self.modules and not (
            line.new in self.moves and self.pending(self.moves[line.new])
        )
        if stays or line.new in plan.modules.values():
            plan.merges.append((line.old, line.new))
        elif line.new in plan.modules:  # the old name of one that moves
            plan.merges.append((line.old, plan.modules[line.new]))
        else:
            plan.modules[line.old] = line.new

    def _package(self, plan: Plan, line: Line) -> None:
        if "/".join([*line.old.split("."), "__init__.py"]) not in self.project.texts:
            plan.packages.append(line.old)

    def _defined(self, module: str, name: str) -> bool:
        source = self.project.of_module(module)
        return source is not None and name in definitions(source)

    def _symbol(self, plan: Plan, line: Line) -> None:
        module, _, name = line.old.rpartition(".")
        new = line.new.rpartition(".")[2]
        places = [self.now(module)]
        places += [
            self.now(each.new)
            for each in self.lines
            if each.verb == "movesymbol" and each.old in (line.old, f"{module}.{new}")
        ]
        for place in places:
            if self._defined(place, name) and not self._came(module, name, place):
                plan.symbols[place, name] = new
                return
        if not any(self._defined(place, new) for place in places):
            self.report.warn(f"{line.where}: {line.old} is nowhere, nor {new}")

    def _came(self, module: str, name: str, place: str) -> bool:
        """Return whether a name is there because another was renamed to it."""
        return any(
            each.verb == "symbol"
            and each.old.rpartition(".")[0] == module
            and each.new == name
            and not self._defined(place, each.old.rpartition(".")[2])
            for each in self.lines
        )

    def _movesymbol(self, plan: Plan, line: Line) -> None:
        module, _, name = line.old.rpartition(".")
        target = line.new if line.new.rpartition(".")[2] != name else line.new.rpartition(".")[0]
        place = self.now(module)
        renamed = {(m, n): new for (m, n), new in plan.symbols.items()}
        later = [e.new for e in self.lines if e.verb == "symbol" and e.old == line.old]
        for each in [name, *later]:
            if self._defined(place, each) and place != self.now(target):
                plan.moved_symbols.append((place, renamed.get((place, each), each), target))
                return
        if not any(self._defined(self.now(target), each) for each in [name, *later]):
            self.report.warn(f"{line.where}: {line.old} is nowhere, nor in {target}")

    def _member(self, plan: Plan, line: Line) -> None:
        owner, _, name = line.old.rpartition(".")
        module, _, name_of_class = owner.rpartition(".")
        new = line.new.rpartition(".")[2]
        classes = [name_of_class]
        classes += [e.new for e in self.lines if e.verb == "symbol" and e.old == owner]
        places = [self.now(module)]
        places += [self.now(e.new) for e in self.lines if e.verb == "movesymbol" and e.old == owner]
        for place in places:
            for each in classes:
                if self._defined(place, each):
                    plan.members.append((place, each, name, new))
                    return
        self.report.warn(f"{line.where}: there is no class {owner}")

    def _test(self, plan: Plan, line: Line) -> None:
        old, new = line.old.rstrip("/"), line.new.rstrip("/")
        texts = self.project.texts
        if old == new:
            return
        folder = [path for path in texts if path.startswith(old + "/")]
        if old in texts and new not in texts and new not in plan.paths.values():
            plan.paths[old] = new
        elif old in texts and self._from_elsewhere(old, new):
            return
        elif old in texts and old.endswith(".py"):
            as_modules = [path.removesuffix(".py").replace("/", ".") for path in (old, new)]
            plan.merges.append((as_modules[0], as_modules[1]))
        elif folder and not any(path.startswith(new + "/") for path in texts):
            plan.paths |= {path: new + path[len(old) :] for path in folder}
        elif not folder and not any(p == new or p.startswith(new + "/") for p in texts):
            self.report.warn(f"{line.where}: there is no {old}, nor {new}")

    def _from_elsewhere(self, old: str, new: str) -> bool:
        """Return whether the file that has the old name is another's, moved there before."""
        return new in self.project.texts and any(
            each.verb == "test" and each.new == old and each.old not in self.project.texts
            for each in self.lines
        )

    def _text(self, plan: Plan, line: Line) -> None:
        plan.texts.append((line.old, line.new))


def _as_module(path: str) -> str:
    return path.rstrip("/").removesuffix(".py").replace("/", ".")


def _ancestors(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def definitions(source: Source) -> set[str]:
    """Return the names that a module defines itself."""
    imported = {each.local for each in source.imports if each.scope is source.top}
    return set(source.top.bound) - imported
