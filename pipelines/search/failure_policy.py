"""Decide what follows a failure: retry the job, fail it, or stop the study.

`FailurePolicy` is pure; its callers carry the decisions out. Not here: waiting for a coordinator
(`cluster.connection`), for Optuna's database (`database`) and for MLflow (`tracking`).
"""

import errno
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ray.exceptions import RayError

from faceseg.errors import UserError, causes, first_line, without_secrets
from pipelines.search.leases import LeaseLostError, LockHeldError
from pipelines.search.worker_death import WorkerDeath

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
        return self.external_error(error, storage) or Ruling(Decision.RETRY)

    def job_error(
        self, error: Exception, *, final: bool, batch_size: int, out_of_memory: bool
    ) -> Ruling:
        """Decide about an error that was raised while a job ran and that is not external.

        Args:
            error: The error.
            final: Whether the job is a final. Its settings have trained and been scored in the
                search, so they are not the cause.
            batch_size: The job's batch size.
            out_of_memory: Whether the error is a lack of memory.

        Returns:
            RETRY for a final; otherwise FAIL.
        """
        reason = without_secrets(f"{type(error).__name__}: {error}")[:500]
        if final:
            return Ruling(Decision.RETRY, reason)
        return _out_of_memory(batch_size) if out_of_memory else Ruling(Decision.FAIL, reason)

    def worker_death(self, death: WorkerDeath) -> Ruling:
        """Decide about a worker whose call failed: STOP if Ray or the coordinator failed."""
        decision = Decision.STOP if death.outside else Decision.RETRY
        return Ruling(decision, death.description)

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

    def lost_job(
        self, deaths: int, death: WorkerDeath, *, batch_size: int, has_trained: bool
    ) -> Ruling:
        """Decide about the job of a worker that died or gave it up.

        Args:
            deaths: Failures of the job in a row without a newly finished epoch.
            death: The last one.
            batch_size: The job's batch size.
            has_trained: Whether the network has finished an epoch with this batch size or a larger
                one: then the batch is not the cause of a lack of memory.
        """
        if death.memory and death.memory.is_own_fault and not has_trained:
            return _out_of_memory(batch_size, f": {death.description}")
        innocent = (
            "; its batch size is not the cause: free memory on the node, or lower resources.workers"
        )
        reason = death.description + (innocent if death.memory else "")
        if deaths >= self.max_deaths:
            return Ruling(
                Decision.FAIL, f"failed {deaths} times in a row before an epoch was done: {reason}"
            )
        return Ruling(Decision.RETRY, reason)

    def failed_final(self, *, own_fault: bool, this_session: bool) -> Ruling:
        """Decide whether to try a failed final again: once in each later session.

        Args:
            own_fault: Whether its settings are the cause: the same final would fail again.
            this_session: Whether it failed in the present session.
        """
        return Ruling(Decision.FAIL if own_fault or this_session else Decision.RETRY)

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
                    "reason with each failed run. Fix the cause, then re-run the same command, "
                    "which tries failed finals again, or change the study's seed or settings",
                )
        return None

    def external_error(self, error: Exception, storage: Path) -> Ruling | None:
        """Return the ruling on an error that no job can cause; None for any other error."""
        if isinstance(error, LockHeldError | LeaseLostError):
            return Ruling(Decision.RETRY, str(error))
        if isinstance(error, UserError):
            return Ruling(Decision.STOP, str(error))
        if words := disk_error_message(error, storage):
            return Ruling(Decision.STOP, words)
        return Ruling(Decision.STOP) if isinstance(error, RayError) else None


def _out_of_memory(batch_size: int, details: str = "") -> Ruling:
    reason = f"out of memory at batch size {batch_size}{details}"
    return Ruling(Decision.FAIL, reason, out_of_memory=True)


POLICY = FailurePolicy()


def disk_error_message(error: BaseException, folder: Path) -> str | None:
    """Return advice if a full or unavailable disk caused `error`; None if it did not."""
    missing = not folder.is_dir()
    for each in causes(error, handled=True):
        by_system = isinstance(each, OSError) and (missing or each.errno in DISK_ERRORS)
        if by_system or any(words in str(each).lower() for words in DISK_WORDS):
            return _disk_advice(each, folder, missing)
    return None


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
