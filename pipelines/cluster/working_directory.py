"""The files of a working directory that are sent with a job: source code, but no data.

Source code is every file that git tracks, and every text file that git neither tracks nor
ignores; `.rayignore` in the working directory is read like `.gitignore`. Not sent: ignored files,
untracked binary files (as in git: with a zero byte near the start), virtual environments, caches,
the experiment's storage and images, and links to folders. The folder need not be a repository:
git then lists it as before a first commit.
"""

import os
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from faceseg.errors import UserError

MAX_BYTES = 50 * 2**20  # total; Ray's own limit is 100 MiB, and source is a hundred times smaller
MAX_NAMED = 5  # paths in the message on too large a folder
SNIFFED_BYTES = 8000  # bytes in which git looks for a zero to detect a binary file
EXCLUDED_MARKERS = ("pyvenv.cfg", "CACHEDIR.TAG")  # in a virtual environment, in a cache


def files_to_send(folder: Path, excluded: Iterable[Path] = ()) -> dict[Path, int]:
    """Return the files of a folder that are sent with a job.

    Args:
        folder: The working directory.
        excluded: Files and folders that are not sent. One that contains `folder` is ignored.

    Returns:
        The sizes in bytes by path, relative to `folder`.

    Raises:
        UserError: Git is not installed, or it cannot read the folder.
    """
    tracked, others = _listed(folder)
    root = folder.resolve()
    omitted = [path.resolve() for path in excluded if not root.is_relative_to(path.resolve())]
    caches = [(folder / path).parent.resolve() for path in others if path.name in EXCLUDED_MARKERS]
    found = [path for path in tracked if not _is_within(folder / path, omitted)]
    found += [
        path
        for path in others
        if not _is_within(folder / path, omitted + caches) and _is_text(folder / path)
    ]
    # Git lists deleted files too.
    files = [path for path in sorted(found) if (folder / path).is_file()]
    return {path: (folder / path).stat().st_size for path in files}


def check_size(folder: Path, sizes: Mapping[Path, int], limit: int = MAX_BYTES) -> None:
    """Check that a working directory is small enough to be source code.

    Args:
        folder: The working directory, for the message.
        sizes: Bytes by path, as `files_to_send` returns them.
        limit: Maximum of the total, in bytes.

    Raises:
        UserError: The total is larger; the message contains the largest entries.
    """
    if (total := sum(sizes.values())) <= limit:
        return
    entries: Counter[str] = Counter()
    for path, size in sizes.items():
        entries[path.parts[0]] += size
    large = "".join(
        f"\n  {name}  {_mebibytes(size)}{_largest_in(name, sizes)}"
        for name, size in entries.most_common(MAX_NAMED)
    )
    raise UserError(
        f"{folder} contains {_mebibytes(total)} of files that would be sent with the job; expected "
        f"source code of at most {_mebibytes(limit)}. The largest entries:{large}\n"
        "Data is not sent, it must be stored where the nodes can read it: move these entries out "
        "of the folder, or list them in .gitignore or .rayignore"
    )


def write_archive(folder: Path, paths: Iterable[Path], archive: Path) -> None:
    """Write files of `folder` into a zip archive, and the target in place of a link to a file."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as made:
        for path in paths:
            made.write(folder / path, path.as_posix())


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files in `folder` that git tracks, and those that are new to it."""
    with TemporaryDirectory(prefix="faceseg-git-") as empty:
        location: tuple[str, ...] = ()
        if _git(folder, "rev-parse", "--is-inside-work-tree", check=False).strip() != "true":
            _git(Path(empty), "init", "--quiet", "--bare")
            location = (f"--git-dir={empty}", f"--work-tree={folder}")
        ignore = ("--exclude-from=.rayignore",) if (folder / ".rayignore").is_file() else ()
        tracked = _paths(_git(folder, *location, "ls-files", "-z", "--cached"))
        dropped = _paths(_git(folder, *location, "ls-files", "-zci", *ignore)) if ignore else []
        others = _paths(
            _git(folder, *location, "ls-files", "-z", "--others", "--exclude-standard", *ignore)
        )
    return sorted(set(tracked) - set(dropped)), others


def _git(folder: Path, *arguments: str, check: bool = True) -> str:
    command = ["git", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments, and a path that git lists
            command, cwd=folder, capture_output=True, check=check
        )
    except FileNotFoundError as error:
        raise UserError(
            "git is needed to select the source files, but it is not on the PATH; install it"
        ) from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"git cannot read {folder}: {os.fsdecode(error.stderr)}") from error
    return os.fsdecode(done.stdout)


def _paths(listed: str) -> list[Path]:
    return [Path(each) for each in listed.split("\0") if each]


def _is_within(path: Path, folders: Iterable[Path]) -> bool:
    resolved = path.parent.resolve() / path.name  # a link itself is not resolved
    return any(resolved.is_relative_to(folder) for folder in folders)


def _is_text(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return b"\0" not in file.read(SNIFFED_BYTES)


def _largest_in(entry: str, sizes: Mapping[Path, int]) -> str:
    inside = [path for path in sizes if path.parts[0] == entry and len(path.parts) > 1]
    if not inside:
        return ""
    largest = max(inside, key=lambda path: sizes[path])
    return f" in {len(inside)} files, the largest {largest} {_mebibytes(sizes[largest])}"


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
