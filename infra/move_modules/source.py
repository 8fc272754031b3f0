"""One Python file: its names, each with the scope that it belongs to, its imports and chains."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from move_modules.strings_inside import Opened, Places, text_tokens

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(eq=False)
class Scope:
    """A module, class, function or comprehension, and the names that are bound in it."""

    kind: str
    parent: "Scope | None"
    node: ast.AST
    bound: dict[str, list[ast.AST]] = field(default_factory=dict)
    elsewhere: dict[str, "Scope"] = field(default_factory=dict)  # of global and nonlocal

    def find(self, name: str) -> "Scope | None":
        """Return the scope in which a name used here is bound; None if it is a builtin."""
        scope: Scope | None = self
        while scope:
            if name in scope.elsewhere:
                return scope.elsewhere[name]
            if name in scope.bound and (scope is self or scope.kind != "class"):
                return scope
            scope = scope.parent
        return None

    def above(self) -> Iterator["Scope"]:
        """Return this scope and those around it."""
        scope: Scope | None = self
        while scope:
            yield scope
            scope = scope.parent


@dataclass(eq=False)
class Ident:
    """A name at a place."""

    name: str
    start: int
    scope: Scope


@dataclass(eq=False)
class Imported:
    """One alias of an import. name: None for `import module`."""

    statement: ast.Import | ast.ImportFrom
    alias: ast.alias
    module: str
    name: str | None
    scope: Scope

    @property
    def local(self) -> str:
        """The name that is bound."""
        return self.alias.asname or (self.name or self.module.split(".")[0])

    @property
    def plain(self) -> bool:
        """Whether it is `import a.b.c`, which binds `a`."""
        return self.name is None and not self.alias.asname

    @property
    def target(self) -> str:
        """What the local name stands for, dotted."""
        if self.plain:
            return self.local
        return self.module if self.name is None else f"{self.module}.{self.name}"


@dataclass(eq=False)
class Chain:
    """`root.first.second`; ends: where each attribute ends."""

    root: Ident
    attributes: list[str]
    ends: list[int]


class Source(ast.NodeVisitor):
    """A Python file, read."""

    def __init__(self, module: str, path: str, text: str) -> None:
        self.module, self.path, self.text = module, path, text
        self.is_package = path.endswith("__init__.py")
        self.package = module if self.is_package else module.rpartition(".")[0]
        self.places = Places(text)
        self.tokens = text_tokens(text)
        self.plain_tree = ast.parse(text)
        self.tree = Opened(self.places, self.tokens).visit(ast.parse(text))
        self.idents: list[Ident] = []
        self.imports: list[Imported] = []
        self.chains: list[Chain] = []
        self.calls: list[tuple[ast.Call, Scope]] = []
        self.attributes: list[tuple[ast.Attribute, Scope]] = []
        self.scope_of: dict[ast.AST, Scope] = {}
        self.top = Scope("module", None, self.tree)
        self._scope = self.top
        for each in self.tree.body:
            self.visit(each)

    def line(self, offset: int) -> str:
        """Return a place as path:line."""
        return f"{self.path}:{self.places.line_column(offset)[0]}"

    def uses(self, scope: Scope, name: str) -> list[Ident]:
        """Return every place that means the name bound in a scope."""
        return [i for i in self.idents if i.name == name and i.scope.find(name) is scope]

    def imported(self, scope: Scope, name: str) -> Imported | None:
        """Return the import that binds a name, seen from a scope."""
        place = scope.find(name)
        found = [i for i in self.imports if i.scope is place and i.local == name]
        return found[0] if found else None

    # What follows fills the lists.

    def _bind(self, name: str, node: ast.AST, scope: Scope | None = None) -> None:
        scope = scope or self._scope
        scope = scope.elsewhere.get(name, scope)
        scope.bound.setdefault(name, []).append(node)

    def _ident(self, name: str, start: int) -> Ident:
        ident = Ident(name, start, self._scope)
        self.idents.append(ident)
        return ident

    def _search(self, pattern: str, start: int, name: str) -> None:
        found = re.compile(pattern.encode()).search(self.places.data, start)
        if found:
            self._ident(name, found.start(1))

    def _inside(self, kind: str, node: ast.AST, parts: Iterable[ast.AST]) -> None:
        self._scope = Scope(kind, self._scope, node)
        self.scope_of[node] = self._scope
        for each in parts:
            self.visit(each)
        self._scope = self._scope.parent or self.top

    def visit_Name(self, node: ast.Name) -> None:
        """Note a name."""
        if not isinstance(node.ctx, ast.Load):
            self._bind(node.id, node)
        self._ident(node.id, self.places.start(node))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """Bind in the function around, not in a comprehension."""
        self.visit(node.value)
        scope = next(s for s in self._scope.above() if s.kind != "comprehension")
        self._bind(node.target.id, node.target, scope)
        self._ident(node.target.id, self.places.start(node.target))

    def visit_arg(self, node: ast.arg) -> None:
        """Bind a parameter."""
        self._bind(node.arg, node)
        self._ident(node.arg, self.places.start(node))

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        """Note names that belong to another scope."""
        for name in node.names:
            scope = self.top
            if isinstance(node, ast.Nonlocal) and self._scope.parent:
                scope = self._scope.parent.find(name) or self.top
            self._scope.elsewhere[name] = scope
            self._search(rf"\b({name})\b", self.places.start(node), name)

    visit_Nonlocal = visit_Global  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Bind a function and read it."""
        self._bind(node.name, node)
        self._search(rf"def\s+({node.name})\b", self.places.start(node), node.name)
        for each in node.decorator_list:
            self.visit(each)
        self._signature(node.args)
        if node.returns:
            self.visit(node.returns)
        self._inside("function", node, [*_parameters(node.args), *node.body])

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Read a lambda."""
        self._signature(node.args)
        self._inside("function", node, [*_parameters(node.args), node.body])

    def _signature(self, args: ast.arguments) -> None:
        annotations = [each.annotation for each in _parameters(args)]
        for each in [*args.defaults, *args.kw_defaults, *annotations]:
            if each is not None:
                self.visit(each)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Bind a class and read it."""
        self._bind(node.name, node)
        self._search(rf"class\s+({node.name})\b", self.places.start(node), node.name)
        for each in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(each)
        self._inside("class", node, node.body)

    def _comprehension(self, node: ast.AST) -> None:
        generators: list[ast.comprehension] = getattr(node, "generators")  # noqa: B009
        self.visit(generators[0].iter)
        parts: list[ast.AST] = []
        for index, each in enumerate(generators):
            parts += [each.target, *([each.iter] if index else []), *each.ifs]
        names = ("key", "value", "elt")
        parts += [getattr(node, name) for name in names if hasattr(node, name)]
        self._inside("comprehension", node, parts)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Bind a caught error."""
        if node.name and node.type:
            self._bind(node.name, node)
            self._search(rf"as\s+({node.name})\b", self.places.end(node.type), node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        """Bind a pattern's name."""
        if node.name:
            self._bind(node.name, node)
            self._ident(node.name, self.places.end(node) - len(node.name.encode()))
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_Import(self, node: ast.Import) -> None:
        """Note the modules."""
        for alias in node.names:
            self._import(Imported(node, alias, alias.name, None, self._scope))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note the names."""
        module = node.module or ""
        if node.level:
            base = self.package.split(".")
            base = base[: len(base) - node.level + 1]
            module = ".".join([*base, *([module] if module else [])])
        for alias in node.names:
            self._import(Imported(node, alias, module, alias.name, self._scope))

    def _import(self, imported: Imported) -> None:
        self.imports.append(imported)
        self._bind(imported.local, imported.alias)

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call."""
        self.calls.append((node, self._scope))
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note an attribute, and a chain that begins with a name."""
        names: list[str] = []
        ends: list[int] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            self.attributes.append((inner, self._scope))
            names.insert(0, inner.attr)
            ends.insert(0, self.places.end(inner))
            inner = inner.value
        self.visit(inner)
        if isinstance(inner, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                pass  # `module.NAME = value` is a chain like any
            self.chains.append(Chain(self.idents[-1], names, ends))


def _parameters(args: ast.arguments) -> list[ast.arg]:
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [each for each in every if each is not None]
