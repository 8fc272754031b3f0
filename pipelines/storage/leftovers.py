"""Files in a storage that nothing needs any more: what they are, and why.

Files that are needed to resume, to test a final, to build a report or to open a model are not
listed, and neither are those of single trainings, which have no lock.
"""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from optuna.trial import TrialState

from faceseg.data.atomic_folder import PARTIAL, locked
from faceseg.data.manifest import MANIFEST, Manifest
from pipelines.job.job import JobKey
from pipelines.search.trials import ENDED, job_number
from pipelines.storage.stored_trials import NetworkTrials, StudyTrials
from pipelines.tracking.outbox import RECORD, SENT, UNFINISHED
from pipelines.tracking.refusals import REFUSED

KEPT_FOR = 24 * 3600.0  # seconds since images were packed
# Delivered records too: a run that has not ended is restored from them if MLflow loses it.
RECORDS = (RECORD, SENT, REFUSED)
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
        if not any(each.suffix in RECORDS for each in folder.glob("[0-9]*")):
            yield _leftover(folder, "an outbox without records")
        else:
            for unfinished in sorted(folder.glob(f"{UNFINISHED}*")):
                yield _leftover(unfinished, "a record that was not finished")


def unused_packs(storage: Path, used: set[str], locks: ExitStack) -> Iterator[Leftover]:
    """Yield packs that no study or training uses, and those that were not finished.

    What was packed in the last day is kept: it may have been prepared for a study that begins
    later. So are packs that a process builds.

    Args:
        storage: The storage.
        used: The fingerprints of the images of its studies and trainings.
        locks: Holds the locks of the packs, so that no process builds one of them meanwhile.
    """
    folders = (storage / "packs").glob("*/")
    for name in sorted({each.name.removesuffix(PARTIAL) for each in folders}):
        pack = storage / "packs" / name
        try:
            locks.enter_context(locked(pack, timeout=0))
        except Timeout:
            continue
        if pack.is_dir() and (reason := _why_unused(pack, used)):
            yield _leftover(pack, reason)
        partial = pack.with_name(f"{name}{PARTIAL}")
        if partial.is_dir():
            yield _leftover(partial, "images whose packing was not finished")


def _why_unused(pack: Path, used: set[str]) -> str:
    """Return why nothing needs a pack; '' if something may."""
    manifest = Manifest.read(pack)
    if manifest is None:
        return "packed images that are incomplete, or of another version"
    packed = (pack / MANIFEST).stat().st_mtime
    if manifest.fingerprint in used or time.time() - packed < KEPT_FOR:
        return ""
    return "packed images that no study or training here uses"


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


def _leftover(path: Path, reason: str) -> Leftover:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    size = sum(each.stat(follow_symlinks=False).st_size for each in files)
    return Leftover(path=path, reason=reason, size=size)
