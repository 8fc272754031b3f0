"""How a worker died, read from Ray's error: its cause, and the memory of its node."""

import math
import re
from dataclasses import dataclass
from typing import Self

from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayError, RayTaskError

from faceseg.errors import first_line

NODE_DEATH_WORDS = ("node has died", "node was terminated", "running on is dead", "preempted")
MEMORY_WORDS = ("running low on memory", "memory monitor", "due to memory pressure")


@dataclass(frozen=True, kw_only=True)
class MemoryPressure:
    """The memory of a node when Ray killed a worker to save it, in GiB; NaN: unknown.

    Attributes:
        own: What the killed worker held.
        used: What all programs of the node held.
        workers: How many workers Ray had on the node.
    """

    own: float = math.nan
    used: float = math.nan
    workers: int = 1

    @classmethod
    def from_message(cls, text: str, actor: str) -> Self:
        """Read Ray's message, which lists the node's workers by the identifiers of their actors."""
        node = re.search(r"was ([\d.]+)GB (?:used )?/", text)
        own = re.search(rf"Actor\({actor or '-'}\).*actual memory used=([\d.]+)GB", text)
        return cls(
            own=float(own[1]) if own else math.nan,
            used=float(node[1]) if node else math.nan,
            workers=max(1, text.count("actual memory used=")),
        )

    @property
    def is_own_fault(self) -> bool:
        """Whether the worker held more than its share; False where that is unknown.

        Its share is what each would hold if all workers, and all other programs together, held
        the same.
        """
        return self.own > self.used / (self.workers + 1)

    def __str__(self) -> str:
        """Describe the memory in a clause after a comma; '' where it is unknown."""
        if math.isnan(self.own + self.used):
            return ""
        return f", of which it held {self.own:.1f} of {self.used:.1f} GiB in use"


@dataclass(frozen=True, kw_only=True)
class WorkerDeath:
    """How a worker died.

    Attributes:
        description: The cause, as a clause.
        is_fault: Whether its job may be the cause.
        memory: The node's memory, if Ray killed the worker to save it.
        raised: Whether it raised an error.
        outside: Whether Ray or the coordinator failed, and not the worker.
    """

    description: str
    is_fault: bool = True
    memory: MemoryPressure | None = None
    raised: bool = False
    outside: bool = False

    @classmethod
    def from_error(cls, error: RayError, actor: str = "") -> Self:
        """Classify Ray's error. A dying node first appears as an actor that is unreachable.

        Args:
            error: What Ray raised instead of the result of the worker's call.
            actor: The identifier of the worker's actor, in hexadecimal digits.
        """
        if isinstance(error, RayTaskError):
            if isinstance(error.cause, RayError):
                return cls(description=str(error), outside=True)
            return cls(description=first_line(error.cause)[:160], raised=True)
        text = str(error).lower()
        if isinstance(error, OutOfMemoryError) or any(words in text for words in MEMORY_WORDS):
            memory = MemoryPressure.from_message(str(error), actor)
            description = f"Ray killed it to save its node's memory{memory}"
            return cls(description=description, memory=memory)
        if isinstance(error, ActorUnavailableError):
            return cls(description="it cannot be reached", is_fault=False)
        if getattr(error, "preempted", False) or any(words in text for words in NODE_DEATH_WORDS):
            return cls(description="its node died", is_fault=False)
        return cls(description=_exit_description(str(error)))


def _exit_description(text: str) -> str:
    """Return how a process ended, from Ray's text without the list of common causes."""
    _, found, detail = text.partition("Worker exit detail: ")
    detail = detail.partition(" Some common causes")[0].strip().rstrip(".")
    return f"its process ended: {detail}"[:160] if found else first_line(text)[:160]
