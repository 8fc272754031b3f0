"""The one process that owns a study's state and hands out its jobs.

It runs as a Ray actor on the head node, imports no framework, and can be killed at any time:
what it knows is in Optuna's database, and a new one goes on from there. Workers pull; each
holds one job at a time.
"""

import time
from dataclasses import dataclass, field

import optuna
from optuna.trial import TrialState

from pipelines.config import Experiment
from pipelines.search.job import Job, Key
from pipelines.search.lane import Lane

WAIT = "wait"


@dataclass
class Running:
    """What is known of a job in progress."""

    worker: str
    label: str
    epochs: int
    epoch: int = 0
    percent: int = 0
    iou: float | None = None
    images_per_second: float | None = None
    started: float = field(default_factory=time.time)


@dataclass(frozen=True)
class Snapshot:
    """The study at a glance, for the terminal."""

    running: list[Running]
    counts: dict[str, dict[str, int]]
    best: dict[str, float | None]
    finals: dict[str, int]
    epochs_done: int
    epochs_all: int


class Coordinator:
    """Hands out jobs, lowest used budget first; hears reports; ends jobs."""

    def __init__(self, experiment: Experiment) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = open_storage(experiment.search_database)
        self.experiment = experiment
        self.lanes = {name: Lane(experiment, name, storage) for name in experiment.architectures}
        self._leases: dict[str, Key] = {}
        self._running: dict[Key, Running] = {}
        ended = sum(lane.ended() for lane in self.lanes.values())
        self._epochs_done = ended * experiment.training.epochs

    def next(self, worker: str) -> Job | str | None:
        """Return a job for `worker`, WAIT while others may still fail, or None at the end."""
        for lane in sorted(self.lanes.values(), key=Lane.started):
            job = lane.next()
            if job is not None:
                self._leases[worker] = job.key
                self._running[job.key] = Running(worker, job.key.label, job.settings.epochs)
                return job
        return None if all(lane.done() for lane in self.lanes.values()) else WAIT

    def progress(self, key: Key, epoch: int, percent: int) -> None:
        """Note how far a job is; only for people."""
        if running := self._running.get(key):
            running.epoch, running.percent = epoch, percent

    def report(self, key: Key, epoch: int, value: float, images_per_second: float) -> bool:
        """Store an epoch's value; return whether the job should go on."""
        self._epochs_done += 1
        if running := self._running.get(key):
            running.epoch, running.percent, running.iou = epoch, 100, value
            running.images_per_second = images_per_second
        return self.lanes[key.architecture].report(key, epoch, value)

    def finish(
        self, worker: str, key: Key, value: float | None, pruned: bool, reason: str = ""
    ) -> None:
        """End a job: with a value, pruned, or (no value) failed for `reason`."""
        state = TrialState.COMPLETE if value is not None else TrialState.FAIL
        self.lanes[key.architecture].tell(
            key, value, TrialState.PRUNED if pruned else state, reason
        )
        ended = self._running.pop(key, None)
        if ended is not None:
            self._epochs_done += max(0, ended.epochs - ended.epoch)
        self._leases.pop(worker, None)

    def lose(self, worker: str) -> str | None:
        """Take back the job of a worker that died; return its label."""
        key = self._leases.pop(worker, None)
        if key is None:
            return None
        self._running.pop(key, None)
        self.lanes[key.architecture].lose(key)
        return key.label

    def snapshot(self) -> Snapshot:
        """Return the study at a glance."""
        trials, seeds = self.experiment.search.trials, self.experiment.finals.seeds
        epochs = self.experiment.training.epochs
        lane_epochs = trials * epochs + seeds * (self.experiment.finals.epochs or epochs)
        best = {name: lane.winner() for name, lane in self.lanes.items()}
        return Snapshot(
            list(self._running.values()),
            {name: dict(lane.count()) for name, lane in self.lanes.items()},
            {name: trial.value if trial else None for name, trial in best.items()},
            {name: lane.finals_done() for name, lane in self.lanes.items()},
            self._epochs_done,
            lane_epochs * len(self.lanes),
        )

    def winners(self) -> dict[str, str]:
        """Return each architecture's winner digest; '' for one without a completed trial."""
        return {
            name: lane.winner_digest() if lane.winner() else "" for name, lane in self.lanes.items()
        }

    def reasons(self) -> dict[str, list[str]]:
        """Return why trials failed, by architecture."""
        return {name: lane.reasons() for name, lane in self.lanes.items()}


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Open Optuna's database, made and migrated if it is new. Many writers wait, not fail."""
    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    return optuna.storages.RDBStorage(url, engine_kwargs=options)
