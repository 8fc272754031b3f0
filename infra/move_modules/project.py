"""The files of a project in memory: nothing is written before all is done."""

import subprocess
from pathlib import Path

from move_modules.source import Source
from move_modules.text_edits import Report

# History is left as it was told; locks are generated.
LEFT_ALONE = ("CHANGELOG.md", ".lock", ".jpg", ".png", ".ipynb")


def dotted(path: str) -> str:
    """Return the module of a Python file's path."""
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Project:
    """Texts by path. origin: the path on disk of each file that was moved."""

    def __init__(self, root: Path, report: Report, own: Path | None = None) -> None:
        self.root, self.report = root, report
        self.texts: dict[str, str] = {}
        self.binary: set[str] = set()
        self.origin: dict[str, str] = {}
        self.new_packages: list[str] = []
        self._read: dict[str, tuple[str, str, Source]] = {}
        for path in self._listed():
            file = root / path
            if file.is_symlink() or not file.is_file():
                continue
            if own and own in file.resolve().parents:
                continue
            try:
                self.texts[path] = file.read_bytes().decode()
            except UnicodeDecodeError:
                self.binary.add(path)
                self.texts[path] = ""
            self.origin[path] = path
        self.before = dict(self.texts)

    def _listed(self) -> list[str]:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=self.root, capture_output=True, check=True)
        return sorted(set(done.stdout.decode().split("\0")) - {""})

    def modules(self) -> dict[str, str]:
        """Return the path of each module."""
        return {dotted(path): path for path in self.texts if path.endswith(".py")}

    def packages(self) -> set[str]:
        """Return every package, with or without an `__init__.py`."""
        found: set[str] = set()
        for path in self.texts:
            if path.endswith(".py"):
                parts = path.split("/")[:-1]
                found |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
        return found

    def sources(self) -> list[Source]:
        """Return every Python file, read."""
        return [self.source(path) for path in sorted(self.texts) if path.endswith(".py")]

    def source(self, path: str) -> Source:
        """Return one Python file, read."""
        text, module = self.texts[path], dotted(path)
        known = self._read.get(path)
        if known is None or known[:2] != (module, text):
            known = self._read[path] = (module, text, Source(module, path, text))
        return known[2]

    def of_module(self, module: str) -> Source | None:
        """Return a module's file, None if there is none."""
        path = self.modules().get(module)
        return self.source(path) if path is not None else None

    def others(self) -> list[str]:
        """Return the paths of text files other than Python."""
        return [
            path
            for path in self.texts
            if not path.endswith((".py", *LEFT_ALONE)) and path not in self.binary
        ]

    def relocate(self, paths: dict[str, str]) -> None:
        """Move files, all at once."""
        taken = {new for new in paths.values() if new in self.texts and new not in paths}
        for path in sorted(taken):
            self.report.errors.append(f"{path}: a file is there already")
        texts, origin = {}, {}
        for path, text in self.texts.items():
            new = paths.get(path, path)
            texts[new] = text
            if path in self.origin:
                origin[new] = self.origin[path]
            if path in self.binary and new != path:
                self.binary = self.binary - {path} | {new}
        self.texts, self.origin = texts, origin

    def remove(self, path: str) -> None:
        """Drop a file."""
        del self.texts[path]
        self.origin.pop(path, None)

    def add_package(self, package: str) -> None:
        """Make a package, and those around it."""
        parts = package.split(".")
        for count in range(1, len(parts) + 1):
            path = "/".join([*parts[:count], "__init__.py"])
            if path not in self.texts:
                name = ".".join(parts[:count])
                self.texts[path] = f'"""The modules of {name}."""\n'
                self.new_packages.append(path)
                self.report.warn(f"{path}: new; give it a docstring of its own")
