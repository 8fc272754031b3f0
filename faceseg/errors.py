"""`UserError`, the exception for mistakes that the user can correct, and texts for its messages.

Errors of one room are defined there: `BadFile` in `faceseg.data`, `NonFiniteLossError` in
`faceseg.training`.
"""

import difflib
import errno
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

# scheme://user:PASSWORD@host. A password may contain `/`, `@` and `?`, so it ends at the last `@`
# of a run without spaces. If there is none, and what follows the colon is no port, then the
# password itself contains a space.
_PASSWORD = re.compile(
    r"(?<=://)([^/:\s]*):"
    r"(?:([^\s]*)(?=@)|(?!\d{1,5}(?![^\s/?#.,;:)'\"\]}]))([^\n@]*)(?=@))"
)
# ?password=SECRET, and other names that secrets have in a query.
_QUERY_SECRET = re.compile(
    r"([?&;#](?:[\w.-]*(?:pass(?:word|wd|phrase)?|pwd|token|secret|signature|credentials?"
    r"|(?:api|access|account|private)[_-]?key)[\w.-]*|odbc_connect|sig|auth)=)([^&\s]+)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"\$\{\w+\}")  # an experiment's reference to an environment variable


class UserError(Exception):
    """A mistake that the user can correct.

    The message contains what was given, what was expected and what to do. The command line
    prints it as one paragraph and exits with status 2, without a traceback. It does the same for
    exceptions of the file system, databases, MLflow and Ray whose cause is outside the program;
    every other exception that escapes is a defect of the program and keeps its traceback. Secrets
    in the message's addresses are masked.

    Example:
        >>> try:
        ...     predictor = faceseg.load("best.keras")
        ... except faceseg.UserError as error:
        ...     print(error)
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(without_secrets(str(message)))


def without_secrets(text: str) -> str:
    """Replace passwords and tokens in the addresses that a text contains by `***`.

    What looks like a password is masked, even where it may be none: in `http://host:80/a@b`,
    `80/a` can be a password. A reference `${NAME}` to an environment variable is not a secret.

    Args:
        text: A message, an address, or any other text.

    Example:
        >>> without_secrets("postgresql://me:secret@host/optuna?sslpassword=other&sslmode=require")
        'postgresql://me:***@host/optuna?sslpassword=***&sslmode=require'
    """
    return _QUERY_SECRET.sub(_masked_query, _PASSWORD.sub(_masked_password, text))


def _masked_password(found: re.Match[str]) -> str:
    password = found[2] if found[2] is not None else found[3]
    return found[0] if _VARIABLE.fullmatch(password) else f"{found[1]}:***"


def _masked_query(found: re.Match[str]) -> str:
    return found[0] if _VARIABLE.fullmatch(found[2]) else f"{found[1]}***"


def first_line(error: object) -> str:
    """Return the first line of an error's message; its type's name if the message is empty.

    Libraries put the cause in the first line and may append a page of details. Some repeat the
    address that they were given: its secrets are masked.
    """
    return without_secrets((str(error).strip() or type(error).__name__).splitlines()[0])


def check_choice(kind: str, given: str, known: Iterable[str]) -> None:
    """Check that `given` is one of the known words.

    Args:
        kind: The kind of word, for the message ("network", "option of unet").
        given: The word to check.
        known: All valid words.

    Raises:
        UserError: The word is not valid. The message lists the valid words and suggests the most
            similar one.
    """
    words = tuple(known)
    if given in words:
        return
    near = difflib.get_close_matches(given, words, n=1, cutoff=0.0)
    advice = f"Did you mean {near[0]!r}?" if near else "Leave it out."
    raise UserError(f"there is no {kind} {given!r}; expected one of {', '.join(words)}. {advice}")


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes as given by `raise … from …`, the outermost first.

    An error that was only being handled when another was raised is no cause of it.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


# --- Errors of the file system whose cause is outside the program.

FILE_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
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
# Their errors may name no file.
NO_PATH = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.EFBIG),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)


def file_error_message(error: BaseException) -> str | None:
    """Return advice on an error of the file system; None if the program may be its cause.

    The program is the cause of an error about one of its own installed files, and of an error
    that names no file, unless the disk or a limit explains it.
    """
    for each in causes(error):
        if isinstance(each, RuntimeError) and str(each).startswith("Symlink loop from "):
            link = str(each).removeprefix("Symlink loop from ")  # by `Path.resolve`
            return f"{link} is a link that leads back to itself: remove or correct it"
        if not isinstance(each, OSError) or each.errno not in FILE_ADVICE:
            continue
        if isinstance(each.filename, str | bytes | os.PathLike):
            path = Path(os.fsdecode(each.filename))
            if _is_installed(path):
                continue
        elif each.errno not in NO_PATH:
            continue
        place = "a file" if each.filename is None else str(each.filename)
        return (
            f"{place}: {os.strerror(each.errno)}. Advice: {FILE_ADVICE[each.errno]}, then run the "
            "same command again"
        )
    return None


def _is_installed(path: Path) -> bool:
    """Return whether a path is inside the program or its Python installation."""
    folders = (Path(__file__).parents[1] / "faceseg", Path(__file__).parents[1] / "pipelines")
    places = (*folders, Path(sys.prefix), Path(sys.base_prefix) / "lib")
    return any(path.absolute().is_relative_to(place) for place in places)
