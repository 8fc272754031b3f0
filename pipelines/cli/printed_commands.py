"""Commands in the output, which work when they are copied to the same folder's terminal."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from faceseg.errors import without_secrets


def printed_command(verb: str, experiment: Path, overrides: Sequence[str] | None) -> str:
    """Return the command line of a verb with an experiment.

    Args:
        verb: The verb.
        experiment: The experiment's file or name.
        overrides: The values of `--set`. Their secrets are replaced by `***`.

    Example:
        >>> printed_command("ui", Path("mine.yaml"), ["storage=my results"])
        "faceseg ui mine.yaml --set 'storage=my results'"
    """
    options = [word for each in overrides or () for word in ("--set", without_secrets(each))]
    return shlex.join([*_program(), verb, str(experiment), *options])


def _program() -> list[str]:
    """Return how this program was started: `faceseg`, or `python -m pipelines`."""
    if sys.argv[0].endswith("__main__.py"):
        return [sys.executable, "-m", "pipelines"]
    return [sys.argv[0]]
