"""What was done to a study and how it answered, with times: a failure is read off it."""

import time
from pathlib import Path


class EventLog:
    """Kept as a file in the test's folder, and printed, so that pytest shows it with a failure."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = time.monotonic()

    def record(self, text: str) -> None:
        """Add a line."""
        line = f"{time.monotonic() - self._begun:7.1f} s  {text}"
        print(line)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
