"""What is wrong with a file of the user's, and how a list of such findings is told."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

SHOWN = 20  # findings spelt out in a message; the rest are counted


class BadFile(Exception):  # noqa: N818  # an error in the file, not in the program
    """A file that cannot be used: which one, what is wrong with it, what is expected."""

    def __init__(self, file: str | Path, wrong: str, expected: str) -> None:
        super().__init__(f"{file}: {wrong}; expected {expected}")
        self.file = str(file)
        self.wrong = wrong
        self.expected = expected


class Problem(BaseModel):
    """A pair that was found unusable. `file` is relative to the data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str
    id: str
    file: str
    wrong: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}: {self.wrong}; expected {self.expected}"


def report(problems: Sequence[Problem], total: int) -> str:
    """Tell the first 20 problems and how many there are, of `total` pairs looked at."""
    lines = [f"{len(problems)} of {total} pairs cannot be used, so nothing was packed:"]
    lines += [f"  {problem}" for problem in problems[:SHOWN]]
    if (rest := len(problems) - SHOWN) > 0:
        lines.append(f"  and {rest} more")
    lines.append(
        "Mend or remove these files, or leave them out with data.on_bad: skip "
        "(each is then listed in the manifest)."
    )
    return "\n".join(lines)
