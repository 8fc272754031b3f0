"""A worker with a fake runner, whose jobs raise, die, make slow progress or fill the disk.

It is sent to Ray by value, so that no worker loads a framework.
"""

import errno
import os
import time
from pathlib import Path
from typing import Any

import optuna

from faceseg.errors import UserError
from pipelines.job.context import StudyContext, job_checkpoints
from pipelines.job.job import Job, JobResult, Reporter
from pipelines.search.database import open_storage
from pipelines.search.worker import Worker


class FakeRunner:
    """Score a trial by its number, unless the experiment's description has another plan for it.

    A plan is NUMBER:ACTION, for instance `1:raises`; `all:ACTION` applies to every trial. The
    plan of a final is `finalNUMBER:ACTION`.
    """

    def __init__(self, context: StudyContext) -> None:
        self.context = context
        self.notes = context.experiment.storage / "notes.txt"
        self.plans = dict(each.split(":") for each in context.experiment.description.split())

    def run(self, job: Job, reporter: Reporter) -> JobResult:
        self._note(f"{job.key.label} attempt {job.attempt} by {os.getpid()}")
        plan = self.plans.get(str(job.key.number), self.plans.get("all", ""))
        if job.key.kind == "final":
            plan = self.plans.get(f"final{job.key.number}", "")
        if hasattr(self, f"_{plan}"):
            result: JobResult = getattr(self, f"_{plan}")(job, reporter)
            return result
        return self._score(job, reporter)

    def compiled_networks(self) -> tuple[str, ...]:
        return ()

    def record_failure(self, job: Job, reason: str, details: str) -> None:
        self._note(f"{job.key.label} failed: {reason}")
        self._note(details.splitlines()[0])

    def remove_checkpoints(self, job: Job) -> None:
        self._note(f"{job.key.label} removed")

    def _score(self, job: Job, reporter: Reporter) -> JobResult:
        value = 0.1 * (job.key.number + 1)
        reporter.report(job.key, 1, value, 10.0)
        return JobResult(value)

    def _raises(self, job: Job, reporter: Reporter) -> JobResult:
        raise ValueError("it broke here")

    def _stumbles(self, job: Job, reporter: Reporter) -> JobResult:
        """Raise while the file `stray` exists, with a checkpoint on disk."""
        folder = job_checkpoints(self.context, job).folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "latest.npz").write_bytes(b"an epoch")
        if (self.context.experiment.storage / "stray").exists():
            raise RuntimeError("measuring failed")
        return self._score(job, reporter)

    def _diverges(self, job: Job, reporter: Reporter) -> JobResult:
        return JobResult(None, reason="the loss is not finite")

    def _dies(self, job: Job, reporter: Reporter) -> JobResult:
        """Die at the first attempt."""
        if job.attempt == 1:
            os._exit(1)
        return self._score(job, reporter)

    def _kills(self, job: Job, reporter: Reporter) -> JobResult:
        """Die at every attempt, at the same place, after a checkpoint."""
        folder = job_checkpoints(self.context, job).folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "latest.npz").write_bytes(b"an epoch")
        reporter.report(job.key, 1, 0.1, 10.0)
        os._exit(1)

    def _creeps(self, job: Job, reporter: Reporter) -> JobResult:
        """Die after every epoch and resume from a checkpoint: four deaths."""
        for epoch in range(1, job.attempt + 1):
            reporter.report(job.key, epoch, 0.1 * epoch, 10.0)
        if job.attempt < 5:
            os._exit(1)
        return JobResult(0.5)

    def _lingers(self, job: Job, reporter: Reporter) -> JobResult:
        """Never end at the first attempt; resume at the second."""
        first = job.attempt == 1
        for epoch in range(1, 3) if first else range(3, 7):
            reporter.report(job.key, epoch, 0.1 * epoch, 10.0)
        if first:
            time.sleep(600)
        return JobResult(0.6)

    def _strolls(self, job: Job, reporter: Reporter) -> JobResult:
        """Take two seconds for six epochs."""
        for epoch in range(1, 7):
            time.sleep(0.3)
            reporter.report(job.key, epoch, 0.1 * epoch, 10.0)
        return JobResult(0.6)

    def _overflows(self, job: Job, reporter: Reporter) -> JobResult:
        """Run out of memory at batch sizes above 8."""
        if job.settings.batch_size > 8:
            raise MemoryError("32 images")
        return self._score(job, reporter)

    def _fills(self, job: Job, reporter: Reporter) -> JobResult:
        """Raise the error of a full disk until the file `room` exists."""
        reporter.report(job.key, 1, 0.3, 10.0)
        if not (self.context.experiment.storage / "room").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "latest.npz")
        return self._score(job, reporter)

    def _mistaken(self, job: Job, reporter: Reporter) -> JobResult:
        raise UserError("give another weights file")

    def _note(self, text: str) -> None:
        with self.notes.open("a") as notes:
            notes.write(text + "\n")


class FakeWorker(Worker):
    """A worker with the fake runner; one plan makes it fail before it takes a job."""

    def make_runner(self) -> Any:
        if self.context.experiment.description == "all:cannot-start":
            raise RuntimeError("no such card")
        return FakeRunner(self.context)


def notes(folder: Path) -> list[str]:
    """Return the lines that the fake runner has written."""
    return (folder / "notes.txt").read_text().splitlines()


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Return the search's trials, read through a separate connection."""
    storage = open_storage(f"sqlite:///{folder / 'optuna.db'}")
    (name,) = [each for each in optuna.get_all_study_names(storage) if each.endswith("/search")]
    found = optuna.load_study(study_name=name, storage=storage).trials
    storage.engine.dispose()
    return found
