"""Ownership of a study and of a job: leases in Optuna's database, and locks on files.

A lease is stored with its trial. Workers are named after the driver's session,
`SESSION/worker-3`, so a restarted coordinator can distinguish the jobs of its own workers from
those of an earlier driver.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from filelock import BaseFileLock, FileLock, Timeout
from optuna.trial import FrozenTrial

from faceseg.errors import UserError
from pipelines.config import Experiment

ATTRIBUTE = "lease"


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The lease of one trial. Its fields are stored in Optuna's database: do not rename them.

    Attributes:
        worker: The worker that holds the lease; '' if none does.
        attempt: How often the trial was assigned.
        deaths: How many of its workers died in a row without a newly finished epoch.
        epochs: How many epochs were finished when the trial was assigned.
        since: When it was assigned, in seconds since 1970.
        doomed: Why the trial is not assigned again; '' if it may be.
    """

    worker: str = ""
    attempt: int = 0
    deaths: int = 0
    epochs: int = 0
    since: float = 0.0
    doomed: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        """Return a trial's lease; it is empty if the trial was never assigned."""
        return cls(**trial.user_attrs.get(ATTRIBUTE, {}))

    def as_attribute(self) -> dict[str, Any]:
        """Return the lease as one attribute of the trial, so that it changes in one step."""
        return asdict(self)

    def is_held_in(self, session: str) -> bool:
        """Return whether a worker of this session holds it; those of other sessions have ended."""
        return self.worker.startswith(f"{session}/")

    def assigned(self, worker: str, epochs: int) -> Self:
        """Return the lease assigned to `worker`, with `epochs` finished so far."""
        return replace(
            self,
            worker=worker,
            attempt=self.attempt + 1,
            deaths=0 if epochs > self.epochs else self.deaths,
            epochs=epochs,
            since=time.time(),
        )

    def abandoned(self, reason: str) -> Self:
        """Return the lease of a trial that is not assigned again."""
        return replace(self, worker="", doomed=reason)

    def after_death(self, epochs: int, *, is_fault: bool) -> Self:
        """Return the free lease after its worker's death.

        Args:
            epochs: Epochs finished by now. A newly finished epoch resets the count of deaths.
            is_fault: Whether the job may have caused the death, unlike the death of its node.
        """
        deaths = 0 if epochs > self.epochs else self.deaths + is_fault
        return replace(self, worker="", deaths=deaths)


class LeaseLostError(Exception):
    """The job was assigned to another worker, because this one was considered dead."""


# --- File locks: one driver per study and one worker per job. A lock ends with its process.
#
# The lock files are in the storage that the processes share. Messages quote their content.

JOB_LOCK_TIMEOUT = 60.0  # seconds for the last worker of a dead driver to end


class LockHeldError(Exception):
    """Another process holds the lock of this job."""


@contextmanager
def study_lock(experiment: Experiment) -> Iterator[None]:
    """Hold the lock of an experiment's study.

    Raises:
        UserError: Another driver holds it.
    """
    with lock_study(experiment.storage, experiment.study):
        yield


@contextmanager
def lock_study(storage: Path, study: str) -> Iterator[None]:
    """Hold the lock of the study of this name.

    Raises:
        UserError: A driver holds it.
    """
    path = _study_lock_file(storage, study)
    try:
        lock = _acquire(path, timeout=0)
    except Timeout as error:
        raise UserError(
            f"study {study} is already being run by {_holder(path)}. Wait for it, or "
            f"stop it and start again; its lock is {path}"
        ) from error
    with _released(lock, path):
        yield


def study_driver(storage: Path, study: str) -> tuple[str, float] | None:
    """Return the process that runs a study and when it began (seconds since 1970), or None."""
    path = _study_lock_file(storage, study)
    if not path.exists():
        return None
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return _holder(path), path.stat().st_mtime
    lock.release()
    return None


def _study_lock_file(storage: Path, study: str) -> Path:
    return storage / "locks" / f"study-{study}.lock"


@contextmanager
def job_lock(path: Path, timeout: float = JOB_LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the lock of a job.

    Args:
        path: The lock file.
        timeout: Seconds to wait for another process to release it.

    Raises:
        LockHeldError: Another process still holds it after `timeout` seconds.
    """
    try:
        lock = _acquire(path, timeout)
    except Timeout as error:
        raise LockHeldError(
            f"{path.stem} is still held by {_holder(path)}, after {timeout:.0f} s"
        ) from error
    with _released(lock, path):
        yield


def _acquire(path: Path, timeout: float) -> BaseFileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=timeout)
    lock.acquire()
    path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    return lock


@contextmanager
def _released(lock: BaseFileLock, path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        # A process that waits for the lock then finds no file of this name and makes a new one.
        path.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
