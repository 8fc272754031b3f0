"""Module names and paths in strings, comments and in files that are not Python."""

import re
from collections.abc import Callable

from move_modules.text_edits import Report

Renames = dict[tuple[str, str], str]


class Words:
    """Rewrites dotted names and paths in any text."""

    def __init__(
        self,
        modules: set[str],
        moved: dict[str, str],
        names: Renames,
        paths: dict[str, str],
        report: Report,
    ) -> None:
        self.modules, self.moved, self.names, self.paths = modules, moved, names, paths
        self.report = report
        self.homes: Renames = {}
        roots = "|".join(sorted({re.escape(each.split(".")[0]) for each in modules}))
        self._dotted = re.compile(  # a snippet's import, else a dotted name
            rf"from (?P<base>(?:{roots})[\w.]*) import (?P<names>\w[\w, ]*)"
            rf"|(?<![\w./-])(?P<dotted>(?:{roots})(?:\.\w+)+)(?::(?P<after>\w+))?(?![\w/-])"
        )
        tops = "|".join(sorted({re.escape(each.split("/")[0]) for each in paths} | {"\0"}))
        self._path = re.compile(rf"(?<![\w.-])(?<![\w}}]/)((?:{tops})/[\w./-]*[\w/])")
        self._where = ""

    def rewrite(self, text: str, where: str) -> str:
        """Return a text with its names and paths brought up to date."""
        self._where = where
        text = self._dotted.sub(self._name, text)
        return self._path.sub(self._moved_path, text) if self.paths else text

    def name(self, dotted: str) -> str:
        """Return what a dotted name is called now."""
        parts = dotted.split(".")
        for count in range(len(parts), 0, -1):
            module = ".".join(parts[:count])
            if module in self.modules:
                rest = parts[count:]
                if rest and (module, rest[0]) in self.homes:
                    return ".".join([self.homes[module, rest[0]], *rest])
                if rest and (module, rest[0]) in self.names:
                    rest[0] = self.names[module, rest[0]]
                return ".".join([self.moved.get(module, module), *rest])
        return dotted

    def _name(self, match: re.Match[str]) -> str:
        if match["base"]:
            return self._import(match)
        old, after = match["dotted"], match["after"]
        new = self.name(old)
        if after:
            full = self.name(f"{old}.{after}")
            return f"{full.rpartition('.')[0]}:{full.rpartition('.')[2]}"
        if new != old and old.count(".") == 1:
            self.report.warn(f"{self._where}: {old} became {new}; is it a module here?")
        return new

    def _import(self, match: re.Match[str]) -> str:
        module, names = match["base"], match["names"]
        imported = [each.strip() for each in names.split(",")]
        if len(imported) == 1 and f"{module}.{imported[0]}" in self.moved:
            new = self.moved[f"{module}.{imported[0]}"]
            self.report.warn(f"{self._where}: a snippet imports {imported[0]}; check its uses")
            return f"from {new.rpartition('.')[0]} import {new.rpartition('.')[2]}"
        new_text = names
        for name in imported:
            if (module, name) in self.names:
                new_text = re.sub(rf"\b{name}\b", self.names[module, name], new_text)
                self.report.warn(f"{self._where}: a snippet imports {name}; check its uses")
            elif f"{module}.{name}" in self.moved:
                self.report.warn(f"{self._where}: a snippet imports module {name}: not changed")
        return f"from {self.moved.get(module, module)} import {new_text}"

    def _moved_path(self, match: re.Match[str]) -> str:
        path = match[1]
        slash = "/" if path.endswith("/") else ""
        return self.paths.get(path.rstrip("/"), path.rstrip("/")) + slash


def literal(text: str, old: str, new: str) -> str:
    """Replace a text, but not where the new one stands already."""
    if old in new:
        return new.join(part.replace(old, new) for part in text.split(new))
    return text.replace(old, new)


def loose_names(stems: dict[str, str]) -> Callable[[str], list[str]]:
    """Return a search for bare file names of modules that have another now."""
    pattern = re.compile("|".join(rf"(?<![\w./]){re.escape(each)}\.py\b" for each in stems) or "\0")
    return lambda text: pattern.findall(text)
