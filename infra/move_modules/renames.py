"""One pass through all Python files: modules that moved, names that changed."""

import ast
import re
from dataclasses import dataclass

from move_modules.project import Project
from move_modules.source import Chain, Imported, Scope, Source
from move_modules.strings import Renames, Words
from move_modules.text_edits import Edits

SETTERS = ("setattr", "delattr", "getattr", "hasattr", "object")


@dataclass
class Wish:
    """A local name that should change."""

    source: Source
    scope: Scope
    old: str
    new: str
    imported: Imported | None = None


class Pass:
    """moved: every module and package that has another name (not what lies beneath, unless told).

    names: what a module defines and is to be called. homes: to which module a name goes.
    """

    def __init__(
        self,
        project: Project,
        moved: dict[str, str],
        names: Renames,
        homes: Renames | None = None,
    ) -> None:
        self.project, self.report = project, project.report
        self.files = project.modules()
        self.modules = set(self.files) | project.packages()
        self._sources = {each.path: each for each in project.sources()}
        self.moved, self.defined = moved, names
        self.homes = homes or {}
        self.names: Renames = {}
        self.more: dict[ast.stmt, list[str]] = {}  # imports to stand beside one
        self.refused: set[tuple[int, str]] = set()
        self.wishes: dict[tuple[int, str], Wish] = {}

    def run(self, paths: dict[str, str]) -> None:
        """Change every file; paths: files that will be moved, for strings that name them."""
        sources = list(self._sources.values())
        self._settle(sources)
        words = Words(self.modules, self.moved, self.names, paths, self.report)
        words.homes = self.homes
        wanted = self._wanted(paths)
        for source in sources:
            if source.module not in self.moved and not wanted.search(source.text):
                continue
            edits = Edits()
            self._locals(source, edits)
            for chain in source.chains:
                self._chain(source, chain, edits)
            self._imports(source, edits)
            self._named_in_strings(source, edits)
            self._strings(source, words, edits)
            if edits:
                self.project.texts[source.path] = edits.apply(source.places.data)
        for path in self.project.others():
            text = self.project.texts[path]
            if not wanted.search(text):
                continue
            self.project.texts[path] = words.rewrite(text, path)

    def _wanted(self, paths: dict[str, str]) -> re.Pattern[str]:
        """Return what a file holds that may have to change."""
        words = {each.rpartition(".")[2] for each in self.moved}
        words |= {name for _, name in [*self.names, *self.homes]}
        words |= {each.rpartition("/")[2].partition(".")[0] for each in paths}
        return re.compile("|".join(map(re.escape, sorted(words))) or "\0")

    # What a name means.

    def is_module(self, module: str, name: str) -> bool:
        """Return whether `from module import name` gives a module."""
        if f"{module}.{name}" not in self.modules:
            return False
        if module not in self.files:
            return True
        source = self._sources[self.files[module]]
        if name not in source.top.bound:
            return True
        imported = source.imported(source.top, name)
        return imported is not None and imported.target == f"{module}.{name}"

    def target(self, imported: Imported) -> tuple[str, str | None]:
        """Return the module and name that an import should ask for."""
        module, name = imported.module, imported.name
        if name is None:
            return self.moved.get(module, module), None
        if self.is_module(module, name):
            new = self.moved.get(f"{module}.{name}", f"{module}.{name}")
            if "." in new:
                return new.rpartition(".")[0], new.rpartition(".")[2]
        home = self.homes.get((module, name), self.moved.get(module, module))
        return home, self.names.get((module, name), name)

    # Which local names change.

    def _settle(self, sources: list[Source]) -> None:
        """Find every local name that changes, through all re-exports."""
        by_path = {source.module: source for source in sources}
        for (module, name), new in self.defined.items():
            source = by_path[module]
            self._wish(Wish(source, source.top, name, new))
        while True:
            self._spread(sources)
            refused = [w for w in self.wishes.values() if self._clashes(w)]
            if not refused:
                break
            for wish in refused:
                self._refuse(wish)
            self.names.clear()

    def _spread(self, sources: list[Source]) -> None:
        """Let names go through imports until none is new."""
        self.wishes = {k: w for k, w in self.wishes.items() if w.imported is None}
        self.names = {(w.source.module, w.old): w.new for w in self.wishes.values()}
        first_party = [(s, i) for s in sources for i in s.imports if i.module in self.modules]
        while True:
            before = len(self.wishes)
            for source, imported in first_party:
                new = self.target(imported)[1]
                if imported.name is None or imported.alias.asname or new == imported.name:
                    continue
                wish = Wish(source, imported.scope, imported.name, new or "", imported)
                self._wish(wish)
            if len(self.wishes) == before:
                return

    def _wish(self, wish: Wish) -> None:
        key = (id(wish.scope), wish.old)
        if key in self.refused or key in self.wishes:
            return
        self.wishes[key] = wish
        if wish.scope is wish.source.top:
            self.names[wish.source.module, wish.old] = wish.new

    def _refuse(self, wish: Wish) -> None:
        key = (id(wish.scope), wish.old)
        self.refused.add(key)
        del self.wishes[key]
        if wish.imported:
            where = wish.source.line(wish.source.places.start(wish.imported.statement))
            self.report.warn(f"{where}: {wish.new} is taken: imported as {wish.old}")
        else:
            self.report.warn(
                f"NOT DONE: {wish.source.module}.{wish.old} -> {wish.new}: "
                f"{wish.source.path} uses {wish.new} for something else"
            )

    def _clashes(self, wish: Wish) -> bool:
        """Return whether a new name is bound already where the old one is used."""
        source, new = wish.source, wish.new
        if self._taken(wish, wish.scope):
            return True
        for use in source.uses(wish.scope, wish.old):
            for scope in use.scope.above():
                if scope is wish.scope:
                    break
                visible = scope.kind != "class" or scope is use.scope
                if visible and (new in scope.bound and not self._leaves(scope, new)):
                    return True
        for ident in source.idents:
            if ident.name == new and wish.scope in ident.scope.above():
                found = ident.scope.find(new)
                if found is None or (found is not wish.scope and found in wish.scope.above()):
                    if found is None or not self._leaves(found, new):
                        return True
        return False

    def _leaves(self, scope: Scope, name: str) -> bool:
        return (id(scope), name) in self.wishes

    def _taken(self, wish: Wish, scope: Scope) -> bool:
        """Return whether a scope binds the new name to something else."""
        if wish.new not in scope.bound or self._leaves(scope, wish.new):
            return any(
                other is not wish and other.scope is scope and other.new == wish.new
                and not self._same(wish, other.imported)
                for other in self.wishes.values()
            )  # fmt: skip
        other = wish.source.imported(scope, wish.new)
        nodes = [each for each in scope.bound[wish.new] if not isinstance(each, ast.alias)]
        return bool(nodes) or not self._same(wish, other)

    def _same(self, wish: Wish, other: Imported | None) -> bool:
        return bool(wish.imported and other and self.target(wish.imported) == self.target(other))

    # Edits of one file.

    def _locals(self, source: Source, edits: Edits) -> None:
        for wish in self.wishes.values():
            if wish.source is source:
                for use in source.uses(wish.scope, wish.old):
                    edits.add(use.start, use.start + len(wish.old.encode()), wish.new)

    def _imports(self, source: Source, edits: Edits) -> None:
        statements: dict[ast.stmt, list[Imported]] = {}
        for each in source.imports:
            statements.setdefault(each.statement, []).append(each)
        importer = self.moved.get(source.module, source.module)
        for statement, members in statements.items():
            level = getattr(statement, "level", 0)
            same = all(self.target(i) == (i.module, i.name) for i in members)
            if same and not (level and importer != source.module) and statement not in self.more:
                continue
            if not any(i.module in self.modules for i in members):
                continue
            text = self._statement(source, importer, members, bool(level))
            edits.add(source.places.start(statement), source.places.end(statement), text)

    def _statement(
        self, source: Source, importer: str, members: list[Imported], relative: bool
    ) -> str:
        """Return an import written anew."""
        by_module: dict[str, list[str]] = {}
        lines: list[str] = []
        package = importer if source.is_package else importer.rpartition(".")[0]
        for each in members:
            module, name = self.target(each)
            asname = each.alias.asname
            if name is None:
                as_part = f" as {asname}" if asname else ""
                lines.append(f"import {module}{as_part}")
                continue
            if name != each.name and not asname:
                asname = each.name if (id(each.scope), each.name) in self.refused else None
            if relative and module == package:
                module = "."
            elif relative and module.rpartition(".")[0] == package:
                module = "." + module.rpartition(".")[2]
            as_part = f" as {asname}" if asname and asname != name else ""
            names = by_module.setdefault(module, [])
            if f"{name}{as_part}" not in names:
                names.append(f"{name}{as_part}")
        lines += [f"from {module} import {', '.join(names)}" for module, names in by_module.items()]
        first = members[0].statement
        lines += self.more.get(first, [])
        head = source.places.data[source.places.offset(first.lineno, 0) :][: first.col_offset]
        between = "; " if head.strip() else "\n" + head.decode()
        return between.join(lines)

    def _chain(self, source: Source, chain: Chain, edits: Edits) -> None:
        """Follow a chain such as `package.module.name`."""
        imported = source.imported(chain.root.scope, chain.root.name)
        if imported is None or imported.target.split(".")[0] not in self.modules:
            return
        if imported.name is not None and not self.is_module(imported.module, imported.name):
            return
        module, count = imported.target, 0
        while count < len(chain.attributes):
            if not self.is_module(module, chain.attributes[count]):
                break
            module, count = f"{module}.{chain.attributes[count]}", count + 1
        new = self.moved.get(module, module)
        if count and new != module:
            self._through_packages(source, chain, imported, (count, new), edits)
        if count < len(chain.attributes):
            attribute, end = chain.attributes[count], chain.ends[count]
            if (module, attribute) in self.homes:
                self._at_home(source, chain, imported, (module, count), edits)
            elif (module, attribute) in self.names:
                new_name = self.names[module, attribute]
                edits.add(end - len(attribute.encode()), end, new_name)

    def _at_home(
        self,
        source: Source,
        chain: Chain,
        imported: Imported,
        at: tuple[str, int],
        edits: Edits,
    ) -> None:
        """Say NAME for `module.NAME`, and import it."""
        module, count = at
        name = chain.attributes[count]
        if chain.root.scope.find(name) is not None:
            where = source.line(chain.root.start)
            self.report.warn(
                f"{where}: {chain.root.name}.{name} has moved, {name} is taken: by hand"
            )
            return
        line = f"from {self.homes[module, name]} import {name}"
        lines = self.more.setdefault(imported.statement, [])
        if line not in lines:
            lines.append(line)
        edits.add(chain.root.start, chain.ends[count], name)

    def _through_packages(
        self,
        source: Source,
        chain: Chain,
        imported: Imported,
        at: tuple[int, str],
        edits: Edits,
    ) -> None:
        count, new = at
        end = chain.ends[count - 1]
        if imported.plain:
            edits.add(chain.root.start, end, new)
            return
        base = self.moved.get(imported.target, imported.target)
        if new.startswith(base + "."):
            begin = chain.root.start + len(chain.root.name.encode())
            edits.add(begin, end, new[len(base) :])
        else:
            self.report.warn(
                f"{source.line(end)}: {chain.root.name}.… has moved elsewhere: by hand"
            )

    def _named_in_strings(self, source: Source, edits: Edits) -> None:
        """Change names in `__all__` and in `setattr(module, "name", …)`."""
        for statement in source.tree.body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(each, ast.Name) and each.id == "__all__" for each in statement.targets
            ):
                for item in ast.walk(statement.value):
                    self._constant(source, item, source.module, edits)
        for statement in source.tree.body:  # NAME = TypeVar("NAME")
            value = statement.value if isinstance(statement, ast.Assign) else None
            if isinstance(value, ast.Call) and value.args and isinstance(statement, ast.Assign):
                names = [each.id for each in statement.targets if isinstance(each, ast.Name)]
                if names and getattr(value.args[0], "value", None) == names[0]:
                    self._constant(source, value.args[0], source.module, edits)
        for call, scope in source.calls:
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name not in SETTERS or len(call.args) < 2:
                continue
            if module := self._module_of(source, call.args[0], scope):
                self._constant(source, call.args[1], module, edits)

    def _module_of(self, source: Source, node: ast.expr, scope: Scope) -> str | None:
        """Return the module that an expression is, if it is one."""
        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
            node = node.value
        imported = source.imported(scope, node.id) if isinstance(node, ast.Name) else None
        if imported is None:
            return None
        module = ".".join([imported.target, *names])
        return module if module in self.modules else None

    def _constant(self, source: Source, node: ast.AST, module: str, edits: Edits) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if (module, node.value) in self.homes and module != source.module:
                where = source.line(source.places.start(node))
                self.report.warn(
                    f"{where}: sets {node.value} of {module}, which has moved: by hand"
                )
            if new := self.names.get((module, node.value)):
                start, end = source.places.start(node), source.places.end(node)
                if end - start == len(node.value) + 2:
                    edits.add(start + 1, end - 1, new)

    def _strings(self, source: Source, words: Words, edits: Edits) -> None:
        for token in source.tokens:
            start, end = source.places.token(token)
            new = words.rewrite(token.string, source.line(start))
            if new != token.string:
                edits.add(start, end, new)
