"""Writes a project's files, moves through git, and tidies what changed."""

import shutil
import subprocess
import sys
from pathlib import Path

from move_modules.project import Project
from move_modules.text_edits import Report


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)


def write(project: Project) -> list[str]:
    """Write all that changed; return the paths of it."""
    root = project.root
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    tracked = set(listed.stdout.decode().split("\0"))
    moves = {old: new for new, old in project.origin.items() if old != new}
    kept = set(project.origin.values())
    for path in project.before:
        if path not in kept:
            (root / path).unlink()
            if path in tracked:
                _git(root, "rm", "-q", "--cached", path)
    # Through a name of its own each, so that files can change places.
    for number, (old, new) in enumerate(moves.items()):
        _rename(root, old, f"{new}.moving-{number}", old in tracked)
    for number, (old, new) in enumerate(moves.items()):
        _rename(root, f"{new}.moving-{number}", new, old in tracked)
    changed = []
    for path, text in project.texts.items():
        if path in project.binary:
            continue
        origin = project.origin.get(path)
        if origin is None or project.before[origin] != text or origin != path:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())
            changed.append(path)
        if origin is None:
            _git(root, "add", "--force", "--intent-to-add", path)
    _note_ignored(project, changed)
    for path in [*moves, *(set(project.before) - kept)]:
        _remove_empty_folders(root, root / path)
    return changed


def _note_ignored(project: Project, paths: list[str]) -> None:
    command = ["git", "check-ignore", "--no-index", "--stdin"]
    text = "\n".join(paths)
    done = subprocess.run(
        command, cwd=project.root, input=text, capture_output=True, text=True, check=False
    )
    for path in done.stdout.splitlines():
        project.report.warn(f"{path}: .gitignore leaves this out; it was added all the same")


def _rename(root: Path, old: str, new: str, tracked: bool) -> None:
    (root / new).parent.mkdir(parents=True, exist_ok=True)
    if tracked:
        _git(root, "mv", old, new)
    else:
        (root / old).rename(root / new)


def _remove_empty_folders(root: Path, path: Path) -> None:
    for folder in path.parents:
        if folder == root or not folder.exists():
            continue
        left = [each for each in folder.iterdir() if each.name != "__pycache__"]
        if left:
            return
        shutil.rmtree(folder)


def tidy(root: Path, paths: list[str], report: Report) -> None:
    """Sort imports, drop unused ones and format."""
    files = [path for path in paths if path.endswith(".py")]
    if not files:
        return
    places = [root / ".venv/bin/ruff", Path(sys.executable).parent / "ruff"]
    ruff = next((str(each) for each in places if each.exists()), shutil.which("ruff"))
    if ruff is None:
        report.warn("there is no ruff: nothing was formatted")
        return
    check = [ruff, "check", "--quiet", "--select", "I,F401,RUF022", "--fix", *files]
    for command in (check, [ruff, "format", "--quiet", *files]):
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode:
            report.warn(f"ruff: {done.stdout}{done.stderr}".strip())
