"""What the driver tells while jobs run: each thing once, when it begins and when it is over."""

import time
from dataclasses import dataclass, field

from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from faceseg.errors import first_line
from pipelines.config.secrets import redact
from pipelines.context import Context
from pipelines.tracking import Sender

LOOK = 2.0  # seconds between two looks at what waits for MLflow
ROOM = 30.0  # seconds that a worker may wait for a place on a node before it is told
NODE_DIED = ("node has died", "node was terminated", "running on is dead", "preempted")
MEMORY = ("running low on memory", "memory monitor", "due to memory pressure")


@dataclass
class Outage:
    """Tells, once each, that MLflow has gone away and that it is back."""

    context: Context
    sender: Sender
    _told: bool = False
    _next: float = 0.0

    def news(self) -> list[str]:
        """Return what is to be said now."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + LOOK
        waiting = self.sender.waiting()
        if self._told == (waiting.since is not None):
            return []
        self._told = not self._told
        uri = redact(self.context.tracker.uri)
        if not self._told:
            return [f"MLflow at {uri} answers again; what waited is being sent"]
        return [
            f"MLflow at {uri} does not answer since {waiting.clock} ({waiting.error}); training "
            f"goes on, {waiting.records} records wait in {self.context.outboxes}"
        ]


@dataclass
class Room:
    """Tells how many workers have no place on any node, and when they all have one."""

    size: int
    _told: int = 0

    def news(self, waiting: list[float]) -> list[str]:
        """Return what is to be said now. waiting: since when each worker without a place is."""
        late = sum(time.monotonic() - since > ROOM for since in waiting)
        if late == self._told or (waiting and late < self._told):
            return []
        self._told = late
        if not late:
            return ["all workers have room again"]
        return [
            f"{late} of {self.size} workers wait for room: Ray has no node free for them now. "
            "They start when one comes"
        ]


@dataclass
class Once:
    """Lets each line through once."""

    _told: set[str] = field(default_factory=set)

    def news(self, lines: list[str]) -> list[str]:
        """Return the lines that are new."""
        fresh = [line for line in lines if line not in self._told]
        self._told.update(fresh)
        return fresh


@dataclass(frozen=True)
class Death:
    """A worker's end as Ray tells it: whether it may be its job's fault, and what killed it."""

    words: str
    is_fault: bool = True
    out_of_memory: bool = False
    raised: bool = False

    @classmethod
    def of(cls, error: RayError) -> "Death":
        """Read Ray's error.

        A node that dies shows first as an actor that cannot be reached.
        """
        from ray.exceptions import ActorUnavailableError

        if isinstance(error, RayTaskError):
            return cls(first_line(error.cause)[:160], raised=True)
        text = str(error).lower()
        if isinstance(error, OutOfMemoryError) or any(words in text for words in MEMORY):
            return cls("Ray killed it to save its node's memory", out_of_memory=True)
        if isinstance(error, ActorUnavailableError):
            return cls("it cannot be reached", is_fault=False)
        if getattr(error, "preempted", False) or any(words in text for words in NODE_DIED):
            return cls("its node died", is_fault=False)
        return cls(_exit_of(str(error)))


def _exit_of(text: str) -> str:
    """Return what Ray says of how a process ended, without its guesses at causes."""
    _, found, detail = text.partition("Worker exit detail: ")
    detail = detail.partition(" Some common causes")[0].strip().rstrip(".")
    return f"its process ended: {detail}"[:160] if found else first_line(text)[:160]
