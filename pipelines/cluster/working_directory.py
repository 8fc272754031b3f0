"""What of a working directory travels with a job: source does, data does not.

Source is what git tracks, and text that git neither tracks nor ignores; `.rayignore` beside the
experiment is read like `.gitignore`. Stays at home: what is ignored, binary files that are not
tracked (git's own sign of one: a zero byte near its start), virtual environments, caches, the
experiment's own storage and images, and links to folders. It works in a plain folder too: git
then reads the folder as it would before the first commit.
"""

import os
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from faceseg.errors import UserError

MAX_BYTES = 50 * 2**20  # bytes in all; Ray itself takes 100 MiB, and source is a hundred times less
MAX_NAMED = 5  # how many paths are named when it is too much
SNIFFED_BYTES = 8000  # bytes that git looks at to tell text from binary
EXCLUDED_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG")  # what a virtual environment and a cache hold


def files_to_send(folder: Path, away: Iterable[Path] = ()) -> dict[Path, int]:
    """Return the files of `folder` that travel, relative to it, with their sizes in bytes.

    away: files and folders that stay at home whatever they hold.
    """
    tracked, others = _listed(folder)
    home = folder.resolve()
    stay = [path.resolve() for path in away if not home.is_relative_to(path.resolve())]
    caches = [(folder / path).parent.resolve() for path in others if path.name in EXCLUDED_MARKERS]
    found = [path for path in tracked if not _is_within(folder / path, stay)]
    found += [
        path
        for path in others
        if not _is_within(folder / path, stay + caches) and _is_text(folder / path)
    ]
    files = [path for path in sorted(found) if (folder / path).is_file()]  # not: deleted ones
    return {path: (folder / path).stat().st_size for path in files}


def check_size(folder: Path, sizes: Mapping[Path, int], most: int = MAX_BYTES) -> None:
    """Refuse a working directory that is too big to be source, naming what is large in it."""
    if (total := sum(sizes.values())) <= most:
        return
    tops: Counter[str] = Counter()
    for path, size in sizes.items():
        tops[path.parts[0]] += size
    large = "".join(
        f"\n  {name}  {_mebibytes(size)}{_largest_in(name, sizes)}"
        for name, size in tops.most_common(MAX_NAMED)
    )
    raise UserError(
        f"{folder} holds {_mebibytes(total)} of files that would travel with the job; expected "
        f"source of at most {_mebibytes(most)}. The largest are:{large}\n"
        "Data lies where the nodes see it and does not travel: move these, or name them in "
        ".gitignore or .rayignore"
    )


def write_archive(folder: Path, paths: Iterable[Path], archive: Path) -> None:
    """Write these files of `folder` into a zip archive; a link to a file becomes the file."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as made:
        for path in paths:
            made.write(folder / path, path.as_posix())


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return what git tracks in `folder`, and what it neither tracks nor ignores."""
    with TemporaryDirectory(prefix="faceseg-git-") as empty:
        place: tuple[str, ...] = ()
        if _git(folder, "rev-parse", "--is-inside-work-tree", check=False).strip() != "true":
            _git(Path(empty), "init", "--quiet", "--bare")
            place = (f"--git-dir={empty}", f"--work-tree={folder}")
        ignore = ("--exclude-from=.rayignore",) if (folder / ".rayignore").is_file() else ()
        tracked = _paths(_git(folder, *place, "ls-files", "-z", "--cached"))
        dropped = _paths(_git(folder, *place, "ls-files", "-zci", *ignore)) if ignore else []
        others = _paths(
            _git(folder, *place, "ls-files", "-z", "--others", "--exclude-standard", *ignore)
        )
    return sorted(set(tracked) - set(dropped)), others


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # our words, and a file listed by git
            command, cwd=folder, capture_output=True, check=check
        )
    except FileNotFoundError as error:
        raise UserError(
            "git is needed to tell source from data, and is not on the PATH; install it"
        ) from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"git cannot read {folder}: {os.fsdecode(error.stderr)}") from error
    return os.fsdecode(done.stdout)


def _paths(listed: str) -> list[Path]:
    return [Path(each) for each in listed.split("\0") if each]


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    place = path.parent.resolve() / path.name
    return any(place.is_relative_to(folder) for folder in folders)


def _is_text(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b"\0" not in file.read(SNIFFED_BYTES)


def _largest_in(top: str, sizes: Mapping[Path, int]) -> str:
    inside = [path for path in sizes if path.parts[0] == top and len(path.parts) > 1]
    if not inside:
        return ""
    largest = max(inside, key=lambda path: sizes[path])
    return f" in {len(inside)} files, the largest {largest} {_mebibytes(sizes[largest])}"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
