"""Files in a storage that nothing needs any more: what they are, and why.

Whatever is needed to resume, to test a final, to build a report or to open a model is not among
them. Single trainings have no lock, so their files are never listed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.trial import TrialState

from faceseg.data.atomic_folder import LOCK, PARTIAL
from faceseg.data.manifest import Manifest
from pipelines.job.job import JobKey
from pipelines.search.trials import ENDED, job_number
from pipelines.storage.stored_trials import NetworkTrials, StudyTrials
from pipelines.tracking.outbox import UNFINISHED, record_paths
from pipelines.tracking.refusals import REFUSED

SINGLE_TRAINING = re.compile(r".*-single-[0-9a-f]{8}")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A file or folder that nothing needs: why, and its size in bytes."""

    path: Path
    reason: str
    size: int


def study_names(storage: Path) -> set[str]:
    """Return the names of the studies that have checkpoints or outboxes in a storage."""
    found = {
        each.name for kind in ("checkpoints", "outbox") for each in (storage / kind).glob("*/")
    }
    return {name for name in found if not SINGLE_TRAINING.fullmatch(name)}


def study_leftovers(storage: Path, study: str, trials: StudyTrials) -> Iterator[Leftover]:
    """Yield what a study that does not run has left behind.

    Args:
        storage: The storage.
        study: The study's name.
        trials: Its trials, by network.
    """
    ended = {folder for name, each in trials.items() for folder in _ended_jobs(name, each)}
    for folder in sorted((storage / "checkpoints" / study).glob("*/")):
        if folder.name in ended:
            yield _leftover(folder, "checkpoints of a job that has ended")
    for folder in sorted((storage / "outbox" / study).glob("*/")):
        if not record_paths(folder) and not any(folder.glob(f"*{REFUSED}")):
            yield _leftover(folder, "an outbox whose records are delivered")
        else:
            for unfinished in sorted(folder.glob(f"{UNFINISHED}*")):
                yield _leftover(unfinished, "a record that was not finished")


def unused_packs(storage: Path, used: set[str]) -> Iterator[Leftover]:
    """Yield packs that no study or training uses, and those that were not finished.

    Args:
        storage: The storage.
        used: The fingerprints of the images of its studies and trainings.
    """
    for folder in sorted((storage / "packs").glob("*/")):
        if _is_being_built(folder):
            continue
        manifest = Manifest.read(folder)
        if folder.name.endswith(PARTIAL) or manifest is None:
            yield _leftover(folder, "images whose packing was not finished")
        elif manifest.fingerprint not in used:
            yield _leftover(folder, "packed images that no study or training here uses")


def _ended_jobs(network: str, trials: NetworkTrials) -> Iterator[str]:
    """Yield the folders of jobs that are not resumed; a failed final is tried again."""
    for trial in trials.search:
        if trial.state in ENDED:
            yield JobKey(kind="trial", architecture=network, number=job_number(trial)).folder
    for digest, finals in trials.finals.items():
        for trial in finals:
            if trial.state == TrialState.COMPLETE:
                number = job_number(trial)
                key = JobKey(kind="final", architecture=network, number=number, winner=digest)
                yield key.folder


def _is_being_built(folder: Path) -> bool:
    """Return whether a process builds this pack: it holds the lock beside it."""
    lock_file = folder.with_name(f"{folder.name.removesuffix(PARTIAL)}{LOCK}")
    if not lock_file.exists():
        return False
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def _leftover(path: Path, reason: str) -> Leftover:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    size = sum(each.stat(follow_symlinks=False).st_size for each in files)
    return Leftover(path=path, reason=reason, size=size)
