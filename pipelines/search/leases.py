"""Who does a job: a lease, kept with its trial in Optuna's database.

Workers are named by the driver's session, `SESSION/worker-3`. So a coordinator that starts
again knows which jobs its own workers hold, and which were left by a driver that is gone.
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
from pipelines.search.failure_policy import MAX_DEATHS

ATTRIBUTE = "lease"


@dataclass(frozen=True)
class Lease:
    """One trial's. `worker` is '' while nobody holds it; `epochs` were finished when it was
    handed out; `doomed` says why it is handed out no more.
    """

    worker: str = ""
    attempt: int = 0
    deaths: int = 0
    epochs: int = 0
    since: float = 0.0
    doomed: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> Self:
        """Return a trial's lease; one that was never handed out has an empty one."""
        return cls(**trial.user_attrs.get(ATTRIBUTE, {}))

    def as_attribute(self) -> dict[str, Any]:
        """Return the lease as the trial keeps it: one attribute, so it changes in one step."""
        return asdict(self)

    def is_held_in(self, session: str) -> bool:
        """Return whether a worker of this session holds it; those of others are gone."""
        return self.worker.startswith(f"{session}/")

    def assigned(self, worker: str, epochs: int) -> Self:
        """Return the lease handed out to `worker`, with `epochs` finished so far."""
        return replace(
            self,
            worker=worker,
            attempt=self.attempt + 1,
            deaths=0 if epochs > self.epochs else self.deaths,
            epochs=epochs,
            since=time.time(),
        )

    def abandoned(self, reason: str) -> Self:
        """Return the lease that is handed out no more."""
        return replace(self, worker="", doomed=reason)

    def after_death(self, epochs: int, *, is_fault: bool) -> Self:
        """Return the lease after its worker's death. is_fault: it may be the job's doing, as a
        node's death is not. A newly finished epoch shows that the job can be done.
        """
        deaths = 0 if epochs > self.epochs else self.deaths + is_fault
        freed = replace(self, worker="", deaths=deaths)
        if deaths < MAX_DEATHS:
            return freed
        return freed.abandoned(f"its worker died {deaths} times in a row before an epoch was done")


class LeaseLostError(Exception):
    """The job was given to another worker: this one was held for dead."""


# --- One driver a study and one worker a job, by locks on files: they end with their processes.
#
# A lock is on the storage that the processes share. What it says inside is for people.

JOB_LOCK_TIMEOUT = 60.0  # seconds that a dead driver's last worker has to die


class LockHeldError(Exception):
    """Another process is at this job."""


@contextmanager
def study_lock(experiment: Experiment) -> Iterator[None]:
    """Hold a study; UserError if another driver has it."""
    path = experiment.storage / "locks" / f"study-{experiment.study}.lock"
    try:
        lock = _take(path, patience=0)
    except Timeout as error:
        raise UserError(
            f"study {experiment.study} is being run already, by {_holder(path)}. Wait for it, or "
            f"stop it and start again; its lock is {path}"
        ) from error
    with _released(lock, path):
        yield


@contextmanager
def job_lock(path: Path, patience: float = JOB_LOCK_TIMEOUT) -> Iterator[None]:
    """Hold a job by the lock `path`; HeldElsewhereError if another process keeps it so long."""
    try:
        lock = _take(path, patience)
    except Timeout as error:
        raise LockHeldError(
            f"{path.stem} is still held by {_holder(path)}, after {patience:.0f} s"
        ) from error
    with _released(lock, path):
        yield


def _take(path: Path, patience: float) -> BaseFileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=patience)
    lock.acquire()
    path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    return lock


@contextmanager
def _released(lock: BaseFileLock, path: Path) -> Iterator[None]:
    try:
        yield
    finally:
        # Whoever waits for it finds that this file has no name any more, and makes a new one.
        path.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
