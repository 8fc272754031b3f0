"""`UserError`, the exception for mistakes that the user can correct; the texts of errors.

Errors of one room are defined there: `BadFile` in `faceseg.data`, `NonFiniteLossError` in
`faceseg.training`.
"""

import difflib
import re
from collections.abc import Iterable, Iterator

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
    prints it as one paragraph and exits with status 2, without a traceback. Secrets in the
    message's addresses are masked.

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
    found = [
        match.span(group)
        for pattern, groups in ((_PASSWORD, (2, 3)), (_QUERY_SECRET, (2,)))
        for match in pattern.finditer(text)
        for group in groups
        if match[group] is not None and not _VARIABLE.fullmatch(match[group])
    ]
    masked, end = "", 0
    # Where both patterns apply, one may end inside what the other takes for the secret.
    for start, stop in sorted(found):
        if start >= end:
            masked += f"{text[end:start]}***"
        end = max(end, stop)
    return masked + text[end:]


def first_line(error: object) -> str:
    """Return the first line of an error's message; its type's name if the message is empty.

    Libraries put the cause in the first line and may append a page of details. Some repeat the
    address that they were given: its secrets are masked.
    """
    return without_secrets((str(error).strip() or type(error).__name__).splitlines()[0])


def causes(error: BaseException | None, *, handled: bool = False) -> Iterator[BaseException]:
    """Yield an error and its causes as given by `raise … from …`, the outermost first.

    Args:
        error: The error; None has no causes.
        handled: Whether an error that was being handled when another was raised counts as a cause
            of it. It need not be one, but libraries raise their own errors without `from`.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (error.__context__ if handled else None)


def check_choice(kind: str, given: str, known: Iterable[str]) -> None:
    """Check that `given` is one of the known words.

    Args:
        kind: The kind of word, for the message ("network", "option of unet").
        given: The word to check.
        known: All valid words.

    Raises:
        UserError: The word is not valid. The message lists the valid words, and suggests one that
            is similar, if any.
    """
    words = tuple(known)
    if given in words:
        return
    if not words:
        raise UserError(f"there is no {kind} {given!r}; leave it out")
    folded = {word.casefold(): word for word in words}
    near = difflib.get_close_matches(given.casefold(), folded, n=1)
    advice = f". Did you mean {folded[near[0]]!r}?" if near else ""
    raise UserError(f"there is no {kind} {given!r}; expected one of {', '.join(words)}{advice}")
