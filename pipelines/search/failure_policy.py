"""Decide what follows a failure: retry the job, fail it, or stop the study.

`FailurePolicy` is pure; its callers carry the decisions out. Not here: waiting for a coordinator
(`cluster.connection`), for Optuna's database (`database`) and for MLflow (`tracking`).
"""

import errno
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayError, RayTaskError

from faceseg.errors import UserError, first_line
from pipelines.search.leases import LeaseLostError, LockHeldError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
# Libraries wrap the system's error, or keep only its message.
DISK_WORDS = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",
    "disk i/o error",
    "attempt to write a readonly database",
    "unable to open database file",
    "read-only file system",
    "stale file handle",
)
NODE_DEATH_WORDS = ("node has died", "node was terminated", "running on is dead", "preempted")
MEMORY_WORDS = ("running low on memory", "memory monitor", "due to memory pressure")


class Decision(Enum):
    """What follows a failure."""

    RETRY = "retry"  # assign the job again, in a new process
    FAIL = "fail"  # record the job as failed; the study continues
    STOP = "stop"  # end the study; the same command resumes it


@dataclass(frozen=True)
class Ruling:
    """A decision, its reason, and whether the batch was too large for the memory."""

    decision: Decision
    reason: str = ""
    out_of_memory: bool = False


@dataclass(frozen=True)
class FailurePolicy:
    """The limits of a study and the decisions that follow from them.

    Attributes:
        max_deaths: Deaths of a job's workers in a row, without a new epoch, that fail the job.
        max_startup_errors: Workers in a row that may raise an error before they take a job.
        max_startup_deaths: Workers in a row that may be killed before they take a job.
    """

    max_deaths: int = 3
    max_startup_errors: int = 3
    max_startup_deaths: int = 10

    def worker_error(self, error: Exception, storage: Path) -> Ruling:
        """Decide about an error that leaves a worker.

        Returns:
            STOP for an error of the user, the disk or Ray; otherwise RETRY. The reason is empty
            where the worker is to raise `error` itself, for the driver to decide.
        """
        return self._external_error(error, storage) or Ruling(Decision.RETRY)

    def job_error(
        self, error: Exception, storage: Path, *, batch_size: int, out_of_memory: bool
    ) -> Ruling:
        """Decide about an error that was raised while a job ran.

        Returns:
            FAIL, unless the cause is outside the job: then the same as `worker_error`.
        """
        if external := self._external_error(error, storage):
            return external
        if out_of_memory:
            return _out_of_memory(batch_size)
        return Ruling(Decision.FAIL, f"{type(error).__name__}: {error}"[:500])

    def worker_death(self, error: RayError) -> Ruling:
        """Decide about a worker whose call failed: STOP if Ray or the coordinator failed."""
        if isinstance(error, RayTaskError) and isinstance(error.cause, RayError):
            return Ruling(Decision.STOP, str(error))
        return Ruling(Decision.RETRY, WorkerDeath.from_error(error).description)

    def startup(self, failures: Sequence[bool]) -> Ruling:
        """Decide whether to start another worker.

        Args:
            failures: One item for each worker in a row that ended before it took a job: True if
                it raised an error, False if it was killed.
        """
        for raised, limit in ((True, self.max_startup_errors), (False, self.max_startup_deaths)):
            if failures.count(raised) >= limit:
                return Ruling(Decision.STOP, f"{limit} workers in a row could not start")
        return Ruling(Decision.RETRY)

    def lost_job(self, deaths: int, *, batch_size: int, out_of_memory: bool) -> Ruling:
        """Decide about the job of a dead worker.

        Args:
            deaths: Deaths of the job's workers in a row without a newly finished epoch.
            batch_size: The job's batch size.
            out_of_memory: Whether Ray killed the worker to save its node's memory.
        """
        if out_of_memory:
            return _out_of_memory(batch_size)
        if deaths >= self.max_deaths:
            return Ruling(
                Decision.FAIL, f"its worker died {deaths} times in a row before an epoch was done"
            )
        return Ruling(Decision.RETRY)

    def new_trial(self, batch_size: int, allowed: Collection[int], attempt: int) -> Ruling | None:
        """Decide whether a trial may run; None: it may.

        Args:
            batch_size: The trial's batch size.
            allowed: The batch sizes smaller than any that ran out of memory.
            attempt: How often the trial was assigned; its batch may fit where it ran before.
        """
        if attempt or batch_size in allowed:
            return None
        return Ruling(
            Decision.FAIL,
            f"not run: batch size {batch_size} is not smaller than one that ran out of memory",
        )

    def unrecorded_failure(self, error: OSError, storage: Path) -> Ruling:
        """Decide about a job that failed and whose failure cannot be written: STOP."""
        return Ruling(Decision.STOP, disk_error_message(error, storage) or str(error))

    def finished_study(
        self,
        winners: Mapping[str, str],
        finals: Mapping[str, int],
        reasons: Mapping[str, Sequence[str]],
    ) -> Ruling | None:
        """Decide whether a study without remaining jobs has a result; None: it has.

        Args:
            winners: Each architecture's winner; '' without a completed trial.
            finals: How many finals of each architecture are complete.
            reasons: Why jobs failed, by architecture.
        """
        for kind, failed in (
            ("trial", [name for name, winner in winners.items() if not winner]),
            ("final", [name for name, complete in finals.items() if not complete]),
        ):
            why = (f"{name}: {', '.join(reasons[name]) or 'all pruned'}" for name in failed)
            if failed:
                return Ruling(
                    Decision.STOP,
                    f"no {kind} was completed by {'; '.join(why)}. MLflow stores failure.txt or a "
                    "reason with each failed run; fix the cause, then give the study another seed "
                    "or other settings",
                )
        return None

    def _external_error(self, error: Exception, storage: Path) -> Ruling | None:
        """Return the ruling on an error that no job can cause; None for any other error."""
        if isinstance(error, LockHeldError | LeaseLostError):
            return Ruling(Decision.RETRY, str(error))
        if isinstance(error, UserError):
            return Ruling(Decision.STOP, str(error))
        if words := disk_error_message(error, storage):
            return Ruling(Decision.STOP, words)
        return Ruling(Decision.STOP) if isinstance(error, RayError) else None


def _out_of_memory(batch_size: int) -> Ruling:
    reason = f"out of memory at batch size {batch_size}"
    return Ruling(Decision.FAIL, reason, out_of_memory=True)


POLICY = FailurePolicy()


@dataclass(frozen=True, kw_only=True)
class WorkerDeath:
    """How a worker died."""

    description: str
    is_fault: bool = True  # its job may be the cause
    out_of_memory: bool = False  # Ray killed it to save its node's memory
    raised: bool = False  # it raised an error

    @classmethod
    def from_error(cls, error: RayError) -> "WorkerDeath":
        """Classify Ray's error. A dying node first appears as an actor that is unreachable."""
        if isinstance(error, RayTaskError):
            return cls(description=first_line(error.cause)[:160], raised=True)
        text = str(error).lower()
        if isinstance(error, OutOfMemoryError) or any(words in text for words in MEMORY_WORDS):
            return cls(description="Ray killed it to save its node's memory", out_of_memory=True)
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


def disk_error_message(error: BaseException, folder: Path) -> str | None:
    """Return advice if a full or unavailable disk caused `error`; None if it did not."""
    missing = not folder.is_dir()
    for each in error_chain(error):
        by_system = isinstance(each, OSError) and (missing or each.errno in DISK_ERRORS)
        if by_system or any(words in str(each).lower() for words in DISK_WORDS):
            return _disk_advice(each, folder, missing)
    return None


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, the outermost first."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _disk_advice(error: BaseException, folder: Path, missing: bool) -> str:
    if missing:
        place, remedy = f"the folder {folder} does not exist", "restore it"
    else:
        free = shutil.disk_usage(folder).free / 1024**2
        place = f"the disk of {folder} has {free:,.0f} MiB free"
        remedy = "free some space, or repair the disk"
    return (
        f"results cannot be written: {first_line(error)[:200]}; {place}. "
        f"Finished work is kept: {remedy}, then re-run the same command to resume"
    )
