"""Turn errors of the file system whose cause is outside the program into messages with advice."""

import errno
import os
import re
import shutil
import sys
from pathlib import Path

import faceseg
from faceseg.errors import causes

FILE_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or request a larger quota",
    errno.EROFS: "the file system is read-only; give a folder that can be written to",
    errno.EACCES: "allow this user to use it, or give another folder",
    errno.EPERM: "allow this user to use it, or give another folder",
    errno.ENOTDIR: "a part of this path is a file; give another path",
    errno.EISDIR: "this path is a folder; give another path, or move the folder away",
    errno.EEXIST: "something else has this name; give another path, or move it away",
    errno.ENOENT: "restore it if it was removed or is a link to nothing, or give another path",
    errno.ENOTEMPTY: "another program writes into it; stop that program",
    errno.ENAMETOOLONG: "give a shorter path",
    errno.ELOOP: "its links form a circle; give another path",
    errno.EFBIG: "the file system or a limit (`ulimit -f`) allows no larger file",
    errno.EIO: "the disk failed; repair it",
    errno.ESTALE: "the network file system has lost it; mount it again",
    errno.EMFILE: "raise the limit of open files with `ulimit -n 4096`",
    errno.ENFILE: "the machine has too many open files; close other programs",
    errno.ENOMEM: "the machine has too little free memory; close other programs",
}
NO_TEMPORARY_FOLDER = "No usable temporary directory"  # by `tempfile`, if every one is full
# The disk, or a limit, explains these errors, which may lack the name of a file.
NO_PATH = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.EFBIG),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)


def file_error_message(error: BaseException) -> str | None:
    """Return a message on an error of the file system; None if the program may be its cause.

    The program may be the cause of an error about one of its own installed files, and of an error
    without the name of a file, unless the disk or a limit explains it.
    """
    for cause in causes(error):
        each = _first_of_tree(cause) if isinstance(cause, shutil.Error) else cause
        if isinstance(each, RuntimeError) and str(each).startswith("Symlink loop from "):
            link = str(each).removeprefix("Symlink loop from ")  # by `Path.resolve`
            return f"{link} is a link that leads back to itself: remove or correct it"
        if isinstance(each, FileNotFoundError) and NO_TEMPORARY_FOLDER in str(each):
            return f"{each.strerror}: free some space there, or set TMPDIR to another folder"
        if not isinstance(each, OSError) or each.errno not in FILE_ADVICE:
            continue
        if isinstance(each.filename, str | bytes | os.PathLike):
            path = Path(os.fsdecode(each.filename))
            if _is_installed(path):
                continue
        elif each.errno not in NO_PATH:
            continue
        place = "a file" if each.filename is None else str(each.filename)
        return f"{place}: {reason_and_advice(each)}, then run the same command again"
    return None


def reason_and_advice(error: OSError) -> str:
    """Return why a file cannot be read or written and what to do, without a full stop."""
    advice = FILE_ADVICE.get(error.errno or 0, "give another path")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"{reason}. Advice: {advice}"


def _first_of_tree(error: shutil.Error) -> OSError:
    """Return the first error of a tree that was copied; `shutil` keeps the errors as text."""
    for _, target, why in error.args[0]:
        if found := re.match(r"\[Errno (\d+)\]", str(why)):
            return OSError(int(found[1]), os.strerror(int(found[1])), str(target))
    return error


def _is_installed(path: Path) -> bool:
    """Return whether a path is inside the program or its Python installation."""
    folders = (Path(faceseg.__file__).parent, Path(__file__).parents[1])
    places = (*folders, Path(sys.prefix), Path(sys.base_prefix) / "lib")
    return any(path.absolute().is_relative_to(place) for place in places)
