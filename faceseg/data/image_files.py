"""Find image files in folders: one rule for every verb.

Hidden files and the files that operating systems add are skipped. A link is followed, but
keeps its own name: git-annex, DVC and the caches of Hugging Face store a file under a digest and
link to it. A link whose target is missing is found too, so that reading it reports the link.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from faceseg.data.image_formats import IMAGE_SUFFIXES
from faceseg.errors import UserError

# Files and folders that Windows, macOS and network storage add, in lower case.
_SYSTEM_NAMES = frozenset(
    {
        "$recycle.bin",
        ".ds_store",
        "@eadir",
        "__macosx",
        "desktop.ini",
        "ehthumbs.db",
        "system volume information",
        "thumbs.db",
    }
)


def is_system_name(name: str) -> bool:
    """Return whether an operating system adds files or folders of this name beside the user's."""
    return name.startswith("._") or name.lower() in _SYSTEM_NAMES


def is_passed_over(name: str) -> bool:
    """Return whether a file or folder of this name is hidden or the system's."""
    return name.startswith(".") or is_system_name(name)


def is_image(path: Path) -> bool:
    """Return whether `path` is a file with an image's suffix, or a link that should be one."""
    return path.suffix.lower() in IMAGE_SUFFIXES and (
        os.path.isfile(path) or missing_target(path) is not None
    )


def missing_target(path: Path) -> str | None:
    """Return the target of a link that leads to nothing; None for anything else."""
    if os.path.islink(path) and not os.path.exists(path):
        return os.readlink(path)
    return None


def visible_entries(folder: Path) -> list[Path]:
    """Return the files and folders in `folder` that are not skipped, sorted.

    Raises:
        UserError: The folder cannot be listed.
    """
    return [folder / entry.name for entry in _visible(folder)]


def images_in(folder: Path) -> list[Path]:
    """Return the images directly in `folder`, sorted; errors as in `visible_entries`."""
    # The folder's own list contains whether an entry is a file: only links need a look-up each.
    return [
        path
        for entry in _visible(folder)
        if (path := folder / entry.name).suffix.lower() in IMAGE_SUFFIXES
        and (entry.is_file(follow_symlinks=False) or (entry.is_symlink() and is_image(path)))
    ]


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not is_passed_over(entry.name)]
    except OSError as error:
        raise UserError(
            f"{folder} cannot be listed ({error.strerror}); expected a folder that this user may "
            "read. Change its permissions, or leave it out"
        ) from error
    return sorted(found, key=lambda entry: entry.name)


def images_by_stem(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the images directly in `folder` by their names without suffix."""
    files: dict[str, list[Path]] = defaultdict(list)
    for file in images_in(folder):
        files[file.stem].append(file)
    return {stem: tuple(found) for stem, found in files.items()}


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in `folder`, and links to folders, sorted."""
    return [path for path in visible_entries(folder) if os.path.isdir(path)]


def folders_below(folder: Path, leave_out: Callable[[Path], bool]) -> Iterator[Path]:
    """Yield `folder` and all folders below it, under the names by which they are reached.

    Links to folders are followed, except to a folder that contains the link: loops end.

    Args:
        folder: The folder to begin with.
        leave_out: Whether a folder below it, and all below that one, are left out.
    """
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while waiting:
        current, containing = waiting.pop()
        status = current.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in containing:
            continue
        yield current
        inner = [each for each in folders_in(current) if not leave_out(each)]
        waiting += [(each, containing | {identity}) for each in reversed(inner)]


# --- File names that are not UTF-8 or have two spellings.


def is_utf8(name: str) -> bool:
    """Return whether a file's name can be written as text; Linux allows any bytes in a name."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def printable(name: str | Path) -> str:
    r"""Return a path as text, with `\xe9` for a byte that is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def composed(name: str) -> str:
    """Return a name in Unicode's composed form; macOS stores `é` as two characters."""
    return unicodedata.normalize("NFC", name)
