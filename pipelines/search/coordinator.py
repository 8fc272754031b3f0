"""The one process that owns a study's state and hands out its jobs.

It runs as a Ray actor on the driver's node and imports no framework. All it knows is in
Optuna's database, so it can be killed at any time: Ray starts it again, and it goes on from
there. Every call may be made twice. Workers pull; each holds one job at a time.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

import optuna
from optuna.trial import FrozenTrial

from pipelines.config import Experiment
from pipelines.job.job import Job, JobKey
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.database import open_storage, retry_while_unavailable
from pipelines.search.leases import Lease
from pipelines.search.trials import JobOutcome, TrialDirective, epochs_reported

WAIT = "wait"
MAX_TRIALS_AHEAD = (
    4  # trials that one architecture may be ahead of another for the sake of warm workers
)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


@dataclass
class RunningJob:
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
class StudySnapshot:
    """The study at a glance, for the terminal; and the jobs that the driver has to give up."""

    running: list[RunningJob]
    counts: dict[str, dict[str, int]]
    budgets: dict[str, int]
    best: dict[str, float | None]
    finals: dict[str, int]
    epochs_done: int
    epochs_all: int
    jobs_to_fail: list[tuple[Job, str]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


def _retry_database(
    method: Callable[Concatenate["Coordinator", Given], Answer],
) -> Callable[Concatenate["Coordinator", Given], Answer]:
    """Make a method wait for the database while that is away."""

    @wraps(method)
    def waiting(self: "Coordinator", /, *given: Given.args, **options: Given.kwargs) -> Answer:
        url = self.experiment.search_database
        return retry_while_unavailable(url, lambda: method(self, *given, **options))

    return waiting


class Coordinator:
    """Hands out jobs, lowest used budget first; hears reports; ends jobs.

    session: opens the names of the workers that may hold jobs now.
    """

    def __init__(self, experiment: Experiment, session: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.experiment = experiment
        self.session = session
        self._progress: dict[JobKey, tuple[int, int]] = {}  # epoch and percent, for people only
        self._speed: dict[JobKey, float] = {}

    @cached_property
    def searches(self) -> dict[str, ArchitectureSearch]:
        """The architectures, opened at the first call: an error is told to who made it."""
        experiment, session = self.experiment, self.session
        storage = open_storage(experiment.search_database)
        lanes = {
            name: ArchitectureSearch(experiment, name, storage, session)
            for name in experiment.architectures
        }
        for name, variant in experiment.variants.items():
            lanes[name] = ArchitectureSearch(
                experiment, name, storage, session, base=lanes[variant.of]
            )
        return lanes

    @_retry_database
    def next_job(self, worker: str, warm: Collection[str] = ()) -> Job | str | None:
        """Return a job for `worker`, WAIT while others may still fail, or None at the end.

        A worker that holds a job gets it again. warm: the networks that it has compiled.
        """
        for lane in self.searches.values():
            if held := lane.job_of(worker):
                return held
        for offer in self._offers(warm):
            if job := offer(worker):
                return job
        return None if all(lane.done() for lane in self.searches.values()) else WAIT

    def _offers(self, warm: Collection[str]) -> list[Callable[[str], Job | None]]:
        """Return who is asked for a job, in order: everywhere the lowest used budget comes first.

        A worker stays with a network that it has compiled until that is AHEAD trials ahead of
        another: compiling takes as long as a short trial. A search that nobody is at comes
        before finals, which wait for nothing and so fill the end of a study.
        """
        lanes = sorted(self.searches.values(), key=lambda each: each.suggester.started())
        open_ = [each.suggester.started() for each in lanes if each.suggester.has_next()]
        limit = MAX_TRIALS_AHEAD + min(open_, default=0)
        near = [each for each in lanes if each.suggester.started() < limit]
        own = [each for each in lanes if each.architecture in warm]
        return [
            *(each.next_trial for each in near if each in own),
            *(each.next_trial for each in near if not each.running_jobs()),
            *(each.next_final for each in own),
            *(each.next_trial for each in lanes),
            *(each.next_final for each in lanes),
        ]

    def progress(self, key: JobKey, epoch: int, percent: int) -> None:
        """Note how far a job is; only for people."""
        self._progress[key] = (epoch, percent)

    @_retry_database
    def report(
        self, worker: str, key: JobKey, epoch: int, value: float, images_per_second: float
    ) -> TrialDirective:
        """Store an epoch's value; say whether to go on."""
        verdict = self.searches[key.architecture].report(worker, key, epoch, value)
        self._progress[key] = (epoch, 100)
        self._speed[key] = images_per_second
        return verdict

    @_retry_database
    def finish(self, worker: str, key: JobKey, end: JobOutcome) -> bool:
        """End a job; return whether it was this worker's to end."""
        self._progress.pop(key, None)
        self._speed.pop(key, None)
        return self.searches[key.architecture].finish_by(worker, key, end)

    @_retry_database
    def fail_job(self, key: JobKey, reason: str) -> None:
        """End a doomed job as failed."""
        self.searches[key.architecture].end(key, JobOutcome(None, reason=reason))

    @_retry_database
    def release(self, worker: str, *, is_fault: bool = True, out_of_memory: bool = False) -> str:
        """Take back the job of a worker that died; return its label, '' if it held none.

        is_fault: False where its node died, which says nothing of the job.
        out_of_memory: Ray has killed it to save the node.
        """
        for lane in self.searches.values():
            if key := lane.release(worker, is_fault=is_fault, out_of_memory=out_of_memory):
                return key.label
        return ""

    @_retry_database
    def snapshot(self) -> StudySnapshot:
        """Return the study at a glance."""
        lanes = self.searches
        epochs, seeds = self.experiment.training.epochs, self.experiment.finals.seeds
        final_epochs = seeds * (self.experiment.finals.epochs or epochs)
        budgets = {name: lane.suggester.budget() or 1 for name, lane in lanes.items()}
        best = {name: lane.winner() for name, lane in lanes.items()}
        return StudySnapshot(
            [self._running(*each) for lane in lanes.values() for each in lane.running_jobs()],
            {name: dict(lane.search.count()) for name, lane in lanes.items()},
            budgets,
            {name: trial.value if trial else None for name, trial in best.items()},
            {name: lane.finals_done() for name, lane in lanes.items()},
            sum(lane.epochs_done() for lane in lanes.values()),
            sum(budget * epochs + final_epochs for budget in budgets.values()),
            [each for lane in lanes.values() for each in lane.jobs_to_fail()],
            [note for lane in lanes.values() if (note := lane.suggester.early_end_message())],
        )

    @_retry_database
    def winners(self) -> dict[str, str]:
        """Return each architecture's winner digest; '' for one without a completed trial."""
        return {
            name: lane.winner_digest() if lane.winner() else ""
            for name, lane in self.searches.items()
        }

    @_retry_database
    def failure_reasons(self) -> dict[str, list[str]]:
        """Return why trials failed, by architecture."""
        return {name: lane.failure_reasons() for name, lane in self.searches.items()}

    def _running(self, job: Job, trial: FrozenTrial) -> RunningJob:
        epoch, percent = self._progress.get(job.key, (epochs_reported(trial), 100))
        lease = Lease.of(trial)
        return RunningJob(
            lease.worker,
            job.key.label,
            job.settings.epochs,
            epoch,
            percent,
            trial.intermediate_values.get(trial.last_step or 0),
            self._speed.get(job.key),
            lease.since,
        )
