"""One driver a study and one worker a job, by locks on files: they end with their processes.

A lock is on the storage that the processes share. What it says inside is for people.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from faceseg.errors import UserError
from pipelines.config import Experiment

PATIENCE = 60.0  # seconds that a dead driver's last worker has to die


class HeldElsewhereError(Exception):
    """Another process is at this job."""


@contextmanager
def only_driver(experiment: Experiment) -> Iterator[None]:
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
def only_worker(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a job by the lock `path`; HeldElsewhereError if another process keeps it so long."""
    try:
        lock = _take(path, patience)
    except Timeout as error:
        raise HeldElsewhereError(
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
