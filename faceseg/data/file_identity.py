"""An identity of files that changes with them, without reading their content."""

import os
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from pydantic import JsonValue

from faceseg.data.image_files import missing_target


def files_identity(files: Iterable[Path], root: Path) -> dict[str, JsonValue]:
    """Return a digest of the names, sizes and modification times of files in `root`.

    It does not contain the path of `root`, so a moved data set keeps its identity. For a link it
    contains the target's size and time. A file that does not exist counts by its name.

    Returns:
        `files` (their number), `bytes` (the sum of their sizes) and `digest`.
    """
    digest = blake2b(digest_size=16)
    count = total = 0
    for file in files:
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        if not os.path.lexists(file):
            digest.update(os.fsencode(f"{name}\0missing\n"))
            continue
        status = file.stat(follow_symlinks=missing_target(file) is None)
        digest.update(os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"))
        count += 1
        total += status.st_size
    return {"files": count, "bytes": total, "digest": digest.hexdigest()}
