"""An identity of files that changes with them, without reading their content."""

import os
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from pydantic import JsonValue


def files_identity(files: Iterable[Path], root: Path) -> dict[str, JsonValue]:
    """Return a digest of the names, sizes and modification times of files in `root`.

    It does not contain the path of `root`, so a moved data set keeps its identity. For a link it
    contains the target's size and time. A file that does not exist counts by its name.

    Returns:
        `files` (their number), `bytes` (the sum of their sizes) and `digest`.
    """
    digest = blake2b(digest_size=16)
    count = total = 0
    prefixes: dict[str, str] = {}  # of each folder: `relative_to` takes longer than `stat`
    for file in files:
        folder, name = os.path.split(file)
        if folder not in prefixes:
            prefixes[folder] = _prefix(Path(folder), root)
        name = prefixes[folder] + name
        status = _status(file)
        if status is None:
            digest.update(os.fsencode(f"{name}\0missing\n"))
            continue
        digest.update(os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"))
        count += 1
        total += status.st_size
    return {"files": count, "bytes": total, "digest": digest.hexdigest()}


def _prefix(folder: Path, root: Path) -> str:
    """Return what the names of a folder's files begin with: its path below `root`."""
    if folder == root or not folder.is_relative_to(root):
        return ""
    return f"{folder.relative_to(root).as_posix()}/"


def _status(file: Path) -> os.stat_result | None:
    """Return the status of a file, or of a link without a target; None if there is neither."""
    for follow in (True, False):
        with suppress(OSError):
            return file.stat(follow_symlinks=follow)
    return None
