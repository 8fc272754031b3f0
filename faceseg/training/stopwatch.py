"""Where a process's seconds go: each belongs to one phase, the innermost that is open.

So phases may lie in one another and nothing is counted twice: what was read adds up to the time
that has passed.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

OTHER = "other"  # what lies in no phase

# The phases of a training; whoever runs trainings may have more.
STEPS = "steps"  # optimiser steps
INPUT = "input"  # waiting for the next batch
COMPILING = "compiling"  # building a network, tracing and compiling its functions
VALIDATION = "validation"
CHECKPOINTS = "checkpoints"


class Stopwatch:
    """Adds up seconds by phase, from the moment it is made. For one thread.

    Reading it, `seconds`, changes nothing; `lap` reads and begins again from zero.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._phase = OTHER
        self._since = clock()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what happens within as `name`'s, but for the phases opened inside."""
        outer = self._switch(name)
        try:
            yield
        finally:
            self._switch(outer)

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each phase so far; they add up to the time since the last lap."""
        self._switch(self._phase)
        return dict(self._seconds)

    def lap(self) -> dict[str, float]:
        """Return `seconds` and begin again from zero, in the phase that is open."""
        found = self.seconds()
        self._seconds.clear()
        return found

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count seconds that were measured elsewhere, such as an earlier attempt's."""
        for phase, value in seconds.items():
            self._seconds[phase] += value

    def _switch(self, name: str) -> str:
        """Charge the phase that was open, open another, return the one before."""
        now = self._clock()
        self._seconds[self._phase] += now - self._since
        before, self._phase, self._since = self._phase, name, now
        return before
