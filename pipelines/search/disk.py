"""Whether an error means that the disk is full or away: then no trial is to blame."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from faceseg.errors import first_line

FULL = (errno.ENOSPC, errno.EDQUOT)
AWAY = (errno.EROFS, errno.EIO, errno.ESTALE)
# Libraries wrap the system's error, or keep its words alone.
WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    "disk i/o error",
    "attempt to write a readonly database",
    "unable to open database file",
    "read-only file system",
    "stale file handle",
)


def trouble(error: BaseException, folder: Path) -> str | None:
    """Return what to do about `folder` if it is at the bottom of `error`; None if it is not."""
    gone = not folder.is_dir()
    for each in chain(error):
        number = each.errno if isinstance(each, OSError) else None
        if number in (*FULL, *AWAY) or (gone and isinstance(each, OSError)):
            return _what_to_do(each, folder, gone)
        if any(words in str(each).lower() for words in WORDS):
            return _what_to_do(each, folder, gone)
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _what_to_do(error: BaseException, folder: Path, gone: bool) -> str:
    if gone:
        where, remedy = f"the folder {folder} is not there", "bring it back"
    else:
        free = shutil.disk_usage(folder).free / 1024**2
        where = f"the disk of {folder} has {free:,.0f} MiB free"
        remedy = "make room, or mend the disk"
    return (
        f"what was done cannot be written: {first_line(error)[:200]}; {where}. "
        f"Nothing that was whole is lost: {remedy}; the same command goes on"
    )
