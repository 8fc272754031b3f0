"""The seconds of a process by phase; each second belongs to the innermost open phase.

Phases may be nested and nothing is counted twice: the seconds of all phases add up to the elapsed
time.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

OTHER = "other"  # time outside all phases

# The phases of a training. Callers may add phases of their own.
STEPS = "steps"  # optimizer steps
INPUT = "input"  # waiting for the next batch
TEACHER = "teacher"  # predictions of a teacher that runs outside of the training step
COMPILING = "compiling"  # building a network, tracing and compiling its functions
VALIDATION = "validation"
CHECKPOINTS = "checkpoints"


class Stopwatch:
    """A stopwatch that adds up seconds by phase. It starts at once and is for one thread.

    `seconds` reads it; `lap` reads it and resets it to zero.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._phase = OTHER
        self._since = clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of the `with` block for `name`, except that of phases opened inside."""
        outer = self._switch(name)
        try:
            yield
        finally:
            self._switch(outer)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each phase; they add up to the time since the last lap."""
        self._switch(self._phase)
        return dict(self._seconds)

    def lap(self) -> dict[str, float]:
        """Return `seconds` and reset them to zero; the open phase stays open."""
        found = self.seconds()
        self._seconds.clear()
        return found

    def add(self, seconds: Mapping[str, float]) -> None:
        """Add seconds that were measured elsewhere, such as in an earlier attempt."""
        for phase, value in seconds.items():
            self._seconds[phase] += value

    def _switch(self, name: str) -> str:
        """Add the elapsed time to the open phase, open another, and return the former one."""
        now = self._clock()
        self._seconds[self._phase] += now - self._since
        before, self._phase, self._since = self._phase, name, now
        return before
