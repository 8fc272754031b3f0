"""Whether an error means that the disk is full or away: then no trial is to blame."""

import errno
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ray.exceptions import OutOfMemoryError, RayError, RayTaskError

from faceseg.errors import first_line

FULL = (errno.ENOSPC, errno.EDQUOT)
AWAY = (errno.EROFS, errno.EIO, errno.ESTALE)
# Libraries wrap the system's error, or keep its words alone.
WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    "disk i/o error",
    "attempt to write a readonly database",
    "unable to open database file",
    "read-only file system",
    "stale file handle",
)


def disk_error_message(error: BaseException, folder: Path) -> str | None:
    """Return what to do about `folder` if it is at the bottom of `error`; None if it is not."""
    gone = not folder.is_dir()
    for each in error_chain(error):
        number = each.errno if isinstance(each, OSError) else None
        if number in (*FULL, *AWAY) or (gone and isinstance(each, OSError)):
            return _disk_advice(each, folder, gone)
        if any(words in str(each).lower() for words in WORDS):
            return _disk_advice(each, folder, gone)
    return None


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _disk_advice(error: BaseException, folder: Path, gone: bool) -> str:
    if gone:
        where, remedy = f"the folder {folder} is not there", "bring it back"
    else:
        free = shutil.disk_usage(folder).free / 1024**2
        where = f"the disk of {folder} has {free:,.0f} MiB free"
        remedy = "make room, or mend the disk"
    return (
        f"what was done cannot be written: {first_line(error)[:200]}; {where}. "
        f"Nothing that was whole is lost: {remedy}; the same command goes on"
    )


@dataclass(frozen=True)
class WorkerDeath:
    """A worker's end as Ray tells it: whether it may be its job's fault, and what killed it."""

    description: str
    is_fault: bool = True
    out_of_memory: bool = False
    raised: bool = False

    @classmethod
    def from_error(cls, error: RayError) -> "WorkerDeath":
        """Read Ray's error.

        A node that dies shows first as an actor that cannot be reached.
        """
        from ray.exceptions import ActorUnavailableError

        if isinstance(error, RayTaskError):
            return cls(first_line(error.cause)[:160], raised=True)
        text = str(error).lower()
        if isinstance(error, OutOfMemoryError) or any(words in text for words in MEMORY_WORDS):
            return cls("Ray killed it to save its node's memory", out_of_memory=True)
        if isinstance(error, ActorUnavailableError):
            return cls("it cannot be reached", is_fault=False)
        if getattr(error, "preempted", False) or any(words in text for words in NODE_DEATH_WORDS):
            return cls("its node died", is_fault=False)
        return cls(_exit_description(str(error)))


def _exit_description(text: str) -> str:
    """Return what Ray says of how a process ended, without its guesses at causes."""
    _, found, detail = text.partition("Worker exit detail: ")
    detail = detail.partition(" Some common causes")[0].strip().rstrip(".")
    return f"its process ended: {detail}"[:160] if found else first_line(text)[:160]


NODE_DEATH_WORDS = ("node has died", "node was terminated", "running on is dead", "preempted")


MEMORY_WORDS = ("running low on memory", "memory monitor", "due to memory pressure")


MAX_DEATHS = 3  # of a job's workers in a row, without a newly finished epoch, before it is given up


# Workers in a row that may die before they take a job: that raised an error, or were killed.
MAX_STARTUP_FAILURES = {True: 3, False: 10}
