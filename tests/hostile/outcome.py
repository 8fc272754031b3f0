"""What a verb did with a file: its exit code, and what it printed or lost."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tests.hostile.hostile_file import Materials


class Outcome(NamedTuple):
    """The exit code of a verb, what it printed, and what it should have kept but lost."""

    code: int
    text: str
    lost: str = ""


Verb = Callable[[Path, Materials], Outcome]


def command(*words: object) -> Outcome:
    """Run `faceseg WORDS` in this process."""
    from pipelines.cli import commands

    sys.argv, printed = ["faceseg", *map(str, words)], io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            commands.main()
        except SystemExit as ended:
            code = 0 if ended.code is None else ended.code
    return Outcome(code if isinstance(code, int) else 1, printed.getvalue())


def outcome_of(action: Callable[[], object]) -> Outcome:
    """Call what a verb calls; errors end as at the command line."""
    from pipelines.cli.foreign_errors import explanation

    try:
        action()
    except Exception as error:
        words = explanation(error)
        if words is None:
            raise
        return Outcome(2, words)
    return Outcome(0, "")
