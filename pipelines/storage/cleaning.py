"""`faceseg clean`: list the files of a storage that nothing needs, and delete them on request."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack

from rich.console import Console

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.config.database_errors import sqlite_file
from pipelines.search.leases import lock_study
from pipelines.storage.leftovers import Leftover, study_leftovers, study_names, unused_packs
from pipelines.storage.stored_trials import StudyTrials, read_trials
from pipelines.tracking import Tracker


def clean(experiment: Experiment, console: Console, *, delete: bool) -> list[Leftover]:
    """List what a storage contains that nothing needs; delete it if `delete`.

    The locks of all studies and packs are held during the call. Files of a running study are left
    out, and so are all packs while any study runs.

    Args:
        experiment: Its storage is cleaned, with all studies in it.
        console: Receives a line for each file or folder, and the sum.
        delete: Whether to delete them.

    Returns:
        What was listed.

    Raises:
        UserError: The storage does not exist, or a database cannot be used.
    """
    if not experiment.storage.is_dir():
        raise UserError(
            f"there is no storage {experiment.storage}; give an experiment, or --storage FOLDER"
        )
    trials = read_trials(experiment)
    with ExitStack() as locks:
        running = _lock_studies(experiment, trials, locks)
        found = [
            each
            for study in sorted(study_names(experiment.storage) & trials.keys() - running)
            for each in study_leftovers(experiment.storage, study, trials[study])
        ]
        used = _used_images(experiment)
        if used is not None and not running:
            found += unused_packs(experiment.storage, used, locks)
        for each in found:
            _print(console, f"{_megabytes(each.size)}  {each.path}: {each.reason}")
            if delete:
                _delete(each)
    for study in sorted(running):
        _print(console, f"study {study} runs: its files and all packs were left out")
    if not found:
        _print(console, "nothing to delete")
        return found
    size = _megabytes(sum(each.size for each in found)).strip()
    verb = "deleted" if delete else "to delete with --delete"
    _print(console, f"{len(found)} files and folders, {size} {verb}")
    return found


def _lock_studies(
    experiment: Experiment, trials: Mapping[str, StudyTrials], locks: ExitStack
) -> set[str]:
    """Lock every study of the storage until `locks` closes; return those that run."""
    running = set()
    for study in sorted(study_names(experiment.storage) | trials.keys()):
        try:
            locks.enter_context(lock_study(experiment.storage, study))
        except UserError:
            running.add(study)
    return running


def _used_images(experiment: Experiment) -> set[str] | None:
    """Return the fingerprints of the images of all runs in MLflow; None if there is no MLflow."""
    file = sqlite_file(experiment.tracking_uri)
    if file is not None and not file.exists():
        return None
    tags = [run.data.tags for run in Tracker(experiment.tracking_uri).all_runs()]
    return {each["faceseg.data"] for each in tags if "faceseg.data" in each}


def _delete(leftover: Leftover) -> None:
    if leftover.path.is_dir():
        shutil.rmtree(leftover.path)
    else:
        leftover.path.unlink(missing_ok=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:9,.1f} MB"


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
