"""A log of the faults of a test and of the study's reactions, with times."""

import time
from pathlib import Path


class EventLog:
    """A file in the test's folder. Lines are also printed, so that pytest shows them on failure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = time.monotonic()

    def record(self, text: str) -> None:
        """Add a line."""
        line = f"{time.monotonic() - self._started:7.1f} s  {text}"
        print(line)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
