"""Folders that appear whole or not at all, built once however many processes want them.

A folder is filled under another name beside its place, by the one process that holds its lock,
and then renamed. A process that dies leaves a `.partial` folder, which is never taken for
the real one and is removed by the next process that packs under the same root.
"""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from faceseg.errors import UserError

_PARTIAL, _LOCK = ".partial", ".lock"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST})


def build_once(
    folder: Path, is_whole: Callable[[Path], bool], fill: Callable[[Path], None]
) -> None:
    """Make `folder` with `fill` unless it is whole already; wait if another process does it.

    `fill` is given an empty folder. Whatever it raises, nothing of it stays behind. A full or
    read-only disk is a UserError.
    """
    if is_whole(folder):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            _remove_stale_partials(folder.parent, folder)
            if not is_whole(folder):
                _fill(folder, fill)
    except OSError as error:
        if error.errno in _FULL:
            raise UserError(
                f"no space left while packing into {folder.parent} ({error.strerror}); "
                "nothing was kept. Make room, choose a smaller data.image_size, or another folder."
            ) from error
        if error.errno in _REFUSED and error.filename and _is_within(error, folder.parent):
            raise UserError(
                f"cannot write into {folder.parent} ({error.strerror}); "
                "give a folder that this user may write to."
            ) from error
        raise


def _fill(folder: Path, fill: Callable[[Path], None]) -> None:
    partial = folder.with_name(folder.name + _PARTIAL)
    partial.mkdir()
    try:
        fill(partial)
        if folder.exists():  # a damaged one, since it is not whole
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _locked(folder: Path, timeout: float = -1) -> Iterator[None]:
    """Hold the lock of a folder. Raises filelock.Timeout if another holds it that long."""
    path = folder.with_name(folder.name + _LOCK)
    with FileLock(path, timeout=timeout):
        try:
            yield
        finally:
            # Removed while held: whoever waits for it sees that it is gone, and tries anew.
            path.unlink(missing_ok=True)


def _remove_stale_partials(root: Path, ours: Path) -> None:
    """Remove what dead processes left. Only a dead one's lock can be had."""
    for partial in root.glob(f"*{_PARTIAL}"):
        folder = partial.with_name(partial.name.removesuffix(_PARTIAL))
        if folder == ours:
            shutil.rmtree(partial)
            continue
        try:
            with _locked(folder, timeout=0):
                shutil.rmtree(partial, ignore_errors=True)
        except Timeout:
            continue


def _is_within(error: OSError, root: Path) -> bool:
    path = Path(str(error.filename))
    return path == root or root in path.parents or path in root.parents
