"""`UserError`, the exception for mistakes that the user can correct, and texts for its messages.

Errors of one room are defined there: `BadFile` in `faceseg.data`, `NonFiniteLossError` in
`faceseg.training`.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake that the user can correct.

    The message contains what was given, what was expected and what to do. The command line
    prints it as one paragraph and exits with status 2, without a traceback. Every other exception
    that escapes is a defect of the program and keeps its traceback.

    Example:
        >>> try:
        ...     predictor = faceseg.load("best.keras")
        ... except faceseg.UserError as error:
        ...     print(error)
    """


def first_line(error: object) -> str:
    """Return the first line of an error's message; its type's name if the message is empty.

    Libraries put the cause in the first line and may append a page of details.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
