"""The one exception that means 'the user can mend this', and how others' errors are quoted."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake of the user's making: what was given, what was expected, what to do.

    The command line prints the message as one paragraph and exits with 2, without a
    traceback. Anything else that escapes is a defect of ours and keeps its traceback.
    """


def first_line(error: object) -> str:
    """Return what an error says in one line; its kind where it says nothing.

    Libraries put the cause first, and then a page of their own.
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def check_choice(kind: str, given: str, known: Iterable[str]) -> None:
    """Raise UserError unless `given` is among `known`, naming the nearest right word."""
    words = tuple(known)
    if given in words:
        return
    near = difflib.get_close_matches(given, words, n=1, cutoff=0.0)
    advice = f"Did you mean {near[0]!r}?" if near else "Leave it out."
    raise UserError(f"there is no {kind} {given!r}; expected one of {', '.join(words)}. {advice}")
