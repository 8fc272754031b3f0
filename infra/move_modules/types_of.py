"""Guesses the class of an expression from annotations and assignments."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from move_modules.project import Project
from move_modules.source import Scope, Source

Key = tuple[str, str]  # a module and a class of it; a module of "" is that of what we do not know
WRAPPERS = ("Optional", "Annotated", "ClassVar", "Final", "type", "Required", "NotRequired")
PAIRS = ("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict")
SAME = ("list", "sorted", "tuple", "set", "reversed", "iter", "frozenset")
ONE_OF = ("next", "min", "max")


@dataclass(frozen=True)
class Kind:
    """A type, with the arguments of a container."""

    key: Key
    args: tuple["Kind | None", ...] = ()

    def element(self) -> "Kind | None":
        """Return the type of what one gets by going through it."""
        return self.args[0] if self.args else None


@dataclass(eq=False)
class Class:
    """A class of the project."""

    source: Source
    node: ast.ClassDef
    bases: list[Key] = field(default_factory=list)
    members: dict[str, list[tuple[ast.AST, Scope]]] = field(default_factory=dict)


class Types:
    """The classes of a project, and what expressions are."""

    def __init__(self, project: Project) -> None:
        self.sources = {each.module: each for each in project.sources()}
        self.classes: dict[Key, Class] = {}
        self._given: dict[int, tuple[str, ast.AST, int]] = {}  # by id of a bound Name
        self._known: dict[int, Kind | None] = {}
        self._owner: dict[int, Key] = {}  # by id of a method's node
        for source in self.sources.values():
            for node in source.tree.body:
                if isinstance(node, ast.ClassDef):
                    self.classes[source.module, node.name] = Class(source, node)
            for node in ast.walk(source.tree):
                self._note(node)
        for key, each in self.classes.items():
            self._fill(key, each)

    def _note(self, node: ast.AST) -> None:
        pairs: list[tuple[ast.AST, str, ast.AST]] = []
        if isinstance(node, ast.Assign):
            pairs = [(each, "value", node.value) for each in node.targets]
        elif isinstance(node, ast.AnnAssign):
            pairs = [(node.target, "annotation", node.annotation)]
        elif isinstance(node, (ast.For, ast.comprehension)):
            pairs = [(node.target, "element", node.iter)]
        elif isinstance(node, ast.withitem) and node.optional_vars:
            pairs = [(node.optional_vars, "with", node.context_expr)]
        elif isinstance(node, ast.NamedExpr):
            pairs = [(node.target, "value", node.value)]
        for target, how, value in pairs:
            if isinstance(target, ast.Tuple):
                for index, each in enumerate(target.elts):
                    self._given[id(each)] = (how, value, index)
            else:
                self._given[id(target)] = (how, value, -1)

    def _fill(self, key: Key, found: Class) -> None:
        source, node = found.source, found.node
        for base in node.bases:
            if base_key := self.class_named(source, source.top, base):
                found.bases.append(base_key)
        scope = source.scope_of[node]
        for each in node.body:
            for name, value in _class_names(each):
                found.members.setdefault(name, []).append((value, scope))
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._owner[id(each)] = key
                for name, value in _self_names(each):
                    inner = source.scope_of[each]
                    found.members.setdefault(name, []).append((value, inner))

    # Names.

    def look_up(
        self, module: str, name: str, depth: int = 0
    ) -> tuple[Source, ast.AST] | str | None:
        """Return what a module's name is: a definition, or the name of a module."""
        source = self.sources.get(module)
        if depth > 9:
            return None
        if source is None or name not in source.top.bound:
            return f"{module}.{name}" if f"{module}.{name}" in self.sources else None
        imported = source.imported(source.top, name)
        if imported is None:
            return source, source.top.bound[name][0]
        if imported.name is None:
            return imported.target
        return self.look_up(imported.module, imported.name, depth + 1)

    def meaning(
        self, source: Source, scope: Scope, node: ast.AST
    ) -> tuple[Source, ast.AST] | str | None:
        """Return the definition or the module that a name or chain of names stands for."""
        if isinstance(node, ast.Name):
            place = scope.find(node.id)
            imported = source.imported(scope, node.id)
            if imported is not None:
                if imported.name is None:
                    return imported.target
                return self.look_up(imported.module, imported.name) or (
                    None if imported.module.split(".")[0] in self.sources else imported.target
                )
            if place is source.top:
                return source, source.top.bound[node.id][0]
            return None
        if isinstance(node, ast.Attribute):
            base = self.meaning(source, scope, node.value)
            if isinstance(base, str):
                return self.look_up(base, node.attr) or f"{base}.{node.attr}"
        return None

    def class_named(self, source: Source, scope: Scope, node: ast.AST) -> Key | None:
        """Return the class that an expression names."""
        found = self.meaning(source, scope, node)
        if isinstance(found, tuple) and isinstance(found[1], ast.ClassDef):
            key = found[0].module, found[1].name
            return key if key in self.classes else None
        if isinstance(node, ast.Name) and node.id in ("cls", "Self"):
            return self._class_around(scope)
        return None

    def _class_around(self, scope: Scope) -> Key | None:
        for each in scope.above():
            if id(each.node) in self._owner:
                return self._owner[id(each.node)]
            if isinstance(each.node, ast.ClassDef):
                return next((k for k, c in self.classes.items() if c.node is each.node), None)
        return None

    def lineage(self, key: Key) -> Iterable[Class]:
        """Return a class and its bases."""
        found = self.classes.get(key)
        if found:
            yield found
            for base in found.bases:
                yield from self.lineage(base)

    # Types.

    def annotated(self, source: Source, scope: Scope, node: ast.AST | None) -> Kind | None:
        """Return the type that an annotation says."""
        if isinstance(node, ast.BinOp):
            sides = (node.left, node.right)
            kinds = [self.annotated(source, scope, each) for each in sides if not _is_none(each)]
            return kinds[0] if len(kinds) == 1 else None
        if isinstance(node, ast.Subscript):
            head = ast.unparse(node.value).rpartition(".")[2]
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if head in WRAPPERS:
                return self.annotated(source, scope, parts[0])
            return Kind(("", head), tuple(self.annotated(source, scope, each) for each in parts))
        if isinstance(node, (ast.Name, ast.Attribute)):
            key = self.class_named(source, scope, node)
            if key:
                return Kind(key)
            name = ast.unparse(node).rpartition(".")[2]
            return None if name in ("Any", "object", "Self") else Kind(("", name))
        return None

    def of(self, source: Source, scope: Scope, node: ast.AST, depth: int = 0) -> Kind | None:
        """Return the type of an expression; None if it cannot be told."""
        if depth > 12:
            return None
        if id(node) not in self._known:
            self._known[id(node)] = None  # for what goes in a circle
            self._known[id(node)] = self._of(source, scope, node, depth + 1)
        return self._known[id(node)]

    def _of(self, source: Source, scope: Scope, node: ast.AST, depth: int) -> Kind | None:
        if isinstance(node, ast.Name):
            return self._name(source, scope, node, depth)
        if isinstance(node, ast.Attribute):
            owner = self.of(source, scope, node.value, depth)
            return self._member(owner.key, node.attr, depth) if owner else None
        if isinstance(node, ast.Call):
            return self._call(source, scope, node, depth)
        if isinstance(node, ast.Subscript):
            kind = self.of(source, scope, node.value, depth)
            if kind is None or isinstance(node.slice, ast.Slice):
                return kind
            return kind.args[-1] if kind.key[1] in PAIRS and kind.args else kind.element()
        if isinstance(node, (ast.IfExp, ast.BoolOp)):
            parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
            kinds = [self.of(source, scope, each, depth) for each in parts]
            return next((each for each in kinds if each), None)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            inner = source.scope_of.get(node, scope)
            return Kind(("", "list"), (self.of(source, inner, node.elt, depth),))
        if isinstance(node, ast.DictComp):
            inner = source.scope_of.get(node, scope)
            parts = [node.key, node.value]
            return Kind(("", "dict"), tuple(self.of(source, inner, e, depth) for e in parts))
        if isinstance(node, ast.List) and node.elts:
            return Kind(("", "list"), (self.of(source, scope, node.elts[0], depth),))
        if isinstance(node, ast.Constant):
            return Kind(("", type(node.value).__name__)) if node.value is not None else None
        return None

    def _name(self, source: Source, scope: Scope, node: ast.Name, depth: int) -> Kind | None:
        place = scope.find(node.id)
        if place is None:
            return None
        imported = source.imported(scope, node.id)
        if imported:
            found = self.look_up(imported.module, imported.name) if imported.name else None
            if isinstance(found, tuple) and isinstance(found[1], ast.Name):
                return self._bound(found[0], found[0].top, found[1], depth)
            return None
        kinds = {self._bound(source, place, each, depth) for each in place.bound[node.id]}
        kinds.discard(None)
        return kinds.pop() if len(kinds) == 1 else None

    def _bound(self, source: Source, place: Scope, node: ast.AST, depth: int) -> Kind | None:
        if isinstance(node, ast.arg):
            if node.annotation is not None:
                return self.annotated(source, place, node.annotation)
            owner = self._owner.get(id(place.node))
            args = getattr(place.node, "args", None)
            own = args and args.args and args.args[0] is node
            return Kind(owner) if owner and own else None
        if id(node) not in self._given:
            return None
        how, value, index = self._given[id(node)]
        if how == "annotation":
            return self.annotated(source, place, value)
        scope = place
        kind = self.of(source, scope, value, depth)
        if how == "element" or (
            how == "with" and kind and kind.key[1] in ("Iterator", "Generator")
        ):
            kind = kind.element() if kind else None
        if index >= 0:
            args = kind.args if kind and kind.key[1] == "tuple" else ()
            return args[index] if index < len(args) else None
        return kind

    def _member(self, key: Key, name: str, depth: int) -> Kind | None:
        for found in self.lineage(key):
            for value, scope in found.members.get(name, ()):
                if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    decorators = [ast.unparse(each) for each in value.decorator_list]
                    if any("property" in each for each in decorators):
                        return self.annotated(found.source, scope, value.returns)
                    continue
                if isinstance(value, ast.AnnAssign):
                    return self.annotated(found.source, scope, value.annotation)
                if kind := self.of(found.source, scope, value, depth):
                    return kind
        return None

    def _call(self, source: Source, scope: Scope, node: ast.Call, depth: int) -> Kind | None:
        function = node.func
        if key := self.class_named(source, scope, function):
            return Kind(key)
        found = self.meaning(source, scope, function)
        if isinstance(found, tuple) and isinstance(
            found[1], (ast.FunctionDef, ast.AsyncFunctionDef)
        ):
            return self.annotated(found[0], found[0].top, found[1].returns)
        if isinstance(function, ast.Name) and node.args and function.id in SAME + ONE_OF:
            kind = self.of(source, scope, node.args[0], depth)
            return kind.element() if kind and function.id in ONE_OF else kind
        if isinstance(function, ast.Attribute):
            key = self.class_named(source, scope, function.value)
            owner = Kind(key) if key else self.of(source, scope, function.value, depth)
            return self._method(owner, function.attr) if owner else None
        return None

    def _method(self, owner: Kind, name: str) -> Kind | None:
        if owner.key[1] in PAIRS and len(owner.args) == 2:
            key_kind, value_kind = owner.args
            pair = Kind(("", "tuple"), owner.args)
            kinds = {"values": (value_kind,), "keys": (key_kind,), "items": (pair,)}
            if name in kinds:
                return Kind(("", "list"), kinds[name])
            return value_kind if name in ("get", "pop", "setdefault") else None
        for found in self.lineage(owner.key):
            for value, scope in found.members.get(name, ()):
                if isinstance(value, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    if value.returns is not None and ast.unparse(value.returns).endswith("Self"):
                        return owner
                    return self.annotated(found.source, scope, value.returns)
        return None


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _class_names(node: ast.stmt) -> list[tuple[str, ast.AST]]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return [(node.name, node)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [(node.target.id, node)]
    if isinstance(node, ast.Assign):
        return [(each.id, node.value) for each in node.targets if isinstance(each, ast.Name)]
    return []


def _self_names(method: ast.FunctionDef | ast.AsyncFunctionDef) -> list[tuple[str, ast.AST]]:
    if not method.args.args:
        return []
    own, found = method.args.args[0].arg, list[tuple[str, ast.AST]]()
    for node in ast.walk(method):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        flat = [e for t in targets for e in (t.elts if isinstance(t, ast.Tuple) else [t])]
        for each in flat:
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
                if each.value.id == own:
                    value = (
                        node if isinstance(node, ast.AnnAssign) else getattr(node, "value", node)
                    )
                    found.append((each.attr, value))
    return found
