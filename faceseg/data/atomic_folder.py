"""Folders that are built atomically and once, even if several processes request them.

The process that holds the folder's lock fills `NAME.partial` beside the final path and then
renames it. A process that dies leaves a `.partial` folder, which does not count as the
finished one. The next process that builds a folder under the same root removes it.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from faceseg.errors import UserError

PARTIAL, LOCK = ".partial", ".lock"  # suffixes beside a folder that is being built
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


def build_once(
    folder: Path, is_complete: Callable[[Path], bool], fill: Callable[[Path], None]
) -> None:
    """Build `folder` unless it is complete already; wait while another process builds it.

    Args:
        folder: The final path.
        is_complete: Whether a folder at this path is complete. An incomplete one is replaced.
        fill: Writes the content into the empty folder that it receives. If it raises, the
            partial folder is removed.

    Raises:
        UserError: The disk is full, or the parent folder is not writable.
    """
    if is_complete(folder):
        return
    with explained_disk_errors(folder, "packing", "choose a smaller data.image_size"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            _remove_stale_partials(folder.parent, folder)
            if not is_complete(folder):
                _fill(folder, fill)


@contextmanager
def explained_disk_errors(folder: Path, work: str, advice: str) -> Iterator[None]:
    """Turn the errors of a full or read-only disk into UserError.

    Args:
        folder: The folder that is built.
        work: What is done, for the message ("packing").
        advice: How to need less space.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"no space left while {work} into {folder.parent} ({error.strerror}); "
                f"nothing was kept. Make room, {advice}, or choose another folder."
            ) from error
        if error.errno in _REFUSED and error.filename and _is_within(error, folder.parent):
            raise UserError(
                f"cannot write into {folder.parent} ({error.strerror}); "
                "give a folder that this user may write to."
            ) from error
        raise


def _fill(folder: Path, fill: Callable[[Path], None]) -> None:
    partial = folder.with_name(folder.name + PARTIAL)
    partial.mkdir()
    try:
        fill(partial)
        if folder.exists():  # it is incomplete: `build_once` has checked it
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def locked(folder: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock of a folder, so that no other process builds it.

    Args:
        folder: The final path, whether or not it exists.
        timeout: Seconds to wait for a process that holds the lock; -1: for ever.

    Raises:
        filelock.Timeout: Another process still holds it after `timeout` seconds.
    """
    path = folder.with_name(folder.name + LOCK)
    with FileLock(path, timeout=timeout):
        try:
            yield
        finally:
            # Removed while held: a waiting process notices that the file is gone and retries.
            path.unlink(missing_ok=True)


def _remove_stale_partials(root: Path, ours: Path) -> None:
    """Remove the partial folders of dead processes: those whose lock can be acquired."""
    for partial in root.glob(f"*{PARTIAL}"):
        folder = partial.with_name(partial.name.removesuffix(PARTIAL))
        if folder == ours:
            shutil.rmtree(partial)
            continue
        try:
            with locked(folder, timeout=0):
                shutil.rmtree(partial, ignore_errors=True)
        except Timeout:
            continue


def _is_within(error: OSError, root: Path) -> bool:
    path = Path(str(error.filename))
    return path == root or root in path.parents or path in root.parents
