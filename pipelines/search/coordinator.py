"""The process that owns a study's state and assigns its jobs.

It runs as a Ray actor on the driver's node and imports no framework. All of its state is in
Optuna's database, so it can be killed at any time: Ray restarts it, and it continues from there.
Every call may be made twice. Workers pull jobs; each holds one at a time.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, TypeVar

import optuna
from optuna.trial import FrozenTrial

from pipelines.config import Experiment
from pipelines.job.job import EnsembleMember, Job, JobKey
from pipelines.job.log import open_log
from pipelines.job.spent import Spent
from pipelines.search.architecture_search import ArchitectureSearch
from pipelines.search.database import open_storage, retry_while_unavailable
from pipelines.search.failure_policy import Decision
from pipelines.search.goal_values import score
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import Lease
from pipelines.search.ledger import Ledger
from pipelines.search.purse import attach_purses
from pipelines.search.searches import open_searches
from pipelines.search.snapshot import RunningJob, StudySnapshot
from pipelines.search.trials import TrialDirective, epochs_reported, job_number
from pipelines.search.worker_death import WorkerDeath
from pipelines.search.workload import epochs_done, study_remaining_seconds

WAIT = "wait"
STATUS_GROUP = "status"  # of calls that are answered while another call waits
MAX_TRIALS_AHEAD = 4  # of one architecture before another, so that compiled networks are used
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
logger = logging.getLogger(__name__)


def _retry_database(
    method: Callable[Concatenate["Coordinator", Arguments], Result],
) -> Callable[Concatenate["Coordinator", Arguments], Result]:
    """Make a method wait while the database is unavailable."""

    @wraps(method)
    def retrying(
        self: "Coordinator", /, *arguments: Arguments.args, **options: Arguments.kwargs
    ) -> Result:
        try:
            return retry_while_unavailable(
                self.experiment.search_database,
                lambda: method(self, *arguments, **options),
                self._note_outage,
            )
        finally:
            self._note_outage("")

    return retrying


class Coordinator:
    """Assign jobs, the lowest used budget first; store reports; end jobs.

    Args:
        experiment: The study's experiment.
        session: Prefix of the names of the workers that may hold jobs now.
        splits: The number of images of each split, to estimate the time left.
        judged: The judged network that teaches, if the experiment names one.
    """

    def __init__(
        self,
        experiment: Experiment,
        session: str,
        splits: Mapping[str, int] | None = None,
        judged: EnsembleMember | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        open_log(experiment.storage, experiment.study, "coordinator")
        self.experiment, self.session = experiment, session
        self.splits, self._judged = splits or {}, judged
        self._progress: dict[JobKey, tuple[int, int]] = {}  # epoch and percent, for the terminal
        self._speed: dict[JobKey, float] = {}
        self._readings: dict[str, Spent] = {}  # of the workers' jobs, by worker
        self._outage = ""
        logger.info("serving session %s", session)

    @cached_property
    def searches(self) -> dict[str, ArchitectureSearch]:
        """The search of each architecture, opened at the first call: its caller gets the error."""
        storage = open_storage(self.experiment.search_database)
        searches = open_searches(self.experiment, storage, self.session, self._judged)
        self.ledger = Ledger(self.experiment, searches, self._readings)
        attach_purses(self.experiment, searches, self.ledger, self.splits)
        return searches

    @_retry_database
    def repeat_finals(self, recorded: Collection[JobKey]) -> list[JobKey]:
        """Let the complete finals that MLflow has not `recorded` run again; return their keys."""
        return [key for each in self.searches.values() for key in each.repeat_finals(recorded)]

    @_retry_database
    def next_job(self, worker: str, warm: Collection[str] = ()) -> Job | str | None:
        """Assign a job to `worker`. A worker that holds a job gets it again.

        Args:
            worker: The name of the worker.
            warm: The networks that it has compiled.

        Returns:
            A job, WAIT while jobs of other workers may still fail, or None at the end.
        """
        for search in self.searches.values():
            if current := search.job_of(worker):
                return current
        for assign in self._in_order(warm):
            if job := assign(worker):
                return job
        return None if all(search.done() for search in self.searches.values()) else WAIT

    def _in_order(self, warm: Collection[str]) -> list[Callable[[str], Job | None]]:
        """Return the functions that may assign a job, in order; the lowest used budget comes first.

        A worker stays with a network that it has compiled until that is MAX_TRIALS_AHEAD trials
        ahead of another: compiling takes as long as a short trial. A search without a worker
        comes before finals, which wait for nothing and so fill the end of a study.
        """
        searches = sorted(self.searches.values(), key=lambda each: each.suggester.started())
        unfinished = [
            each.suggester.started()
            for each in searches
            if each.suggester.budget() is not None and each.suggester.has_next()
        ]
        limit = MAX_TRIALS_AHEAD + min(unfinished, default=0)
        near = [each for each in searches if each.suggester.started() < limit]
        compiled = [each for each in searches if each.architecture in warm]
        return [
            *(each.next_trial for each in near if each in compiled),
            *(each.next_trial for each in near if not each.running_jobs()),
            *(each.next_final for each in compiled),
            *(each.next_trial for each in searches),
            *(each.next_final for each in searches),
        ]

    def progress(
        self, key: JobKey, epoch: int, percent: int, worker: str = "", spent: Spent | None = None
    ) -> None:
        """Note the progress of a job, for the terminal, and what its worker has measured."""
        self._progress[key] = (epoch, percent)
        if spent is not None:
            self._readings[worker] = spent

    @_retry_database
    def note_costs(self, worker: str, key: JobKey, costs: Mapping[str, float]) -> None:
        """Store the goals of a trial that are known before its training begins."""
        self.searches[key.architecture].note_costs(worker, key, costs)

    @_retry_database
    def report(
        self, worker: str, key: JobKey, epoch: int, value: float, images_per_second: float
    ) -> TrialDirective:
        """Store the `val/iou` of an epoch; return what the worker is to do."""
        directive = self.searches[key.architecture].report(worker, key, epoch, value)
        self._progress[key] = (epoch, 100)
        self._speed[key] = images_per_second
        return directive

    @_retry_database
    def finish(self, worker: str, key: JobKey, outcome: JobOutcome) -> bool:
        """End a job if `worker` holds it; return whether it does."""
        self._progress.pop(key, None)
        self._speed.pop(key, None)
        self._readings.pop(worker, None)
        finished = self.searches[key.architecture].finish_by(worker, key, outcome)
        state, run = outcome.state.name if finished else "lease lost", {"run": key.label}
        logger.info("reported by %s: %s %s", worker, state, outcome.reason, extra=run)
        return finished

    @_retry_database
    def fail_job(self, key: JobKey, reason: str) -> None:
        """End a job as failed that is not assigned again."""
        self.searches[key.architecture].end(key, JobOutcome(value=None, reason=reason))

    @_retry_database
    def release(self, worker: str, death: WorkerDeath) -> str:
        """Free the job of a worker that died or gave it up.

        Returns:
            What follows for the job, as a clause; '' if the worker held none.
        """
        for search in self.searches.values():
            if released := search.release(worker, death, self._readings.get(worker)):
                key, ruling = released
                follows = "is retried" if ruling.decision is Decision.RETRY else "has failed"
                return f"{key.label} {follows}"
        return ""

    @_retry_database
    def snapshot(self) -> StudySnapshot:
        """Return the state of the study."""
        searches, every = self.searches, list(self.searches.values())
        self.ledger.heartbeat()
        best = {name: each.trials.best() for name, each in searches.items()}
        finals = {name: each.finals() for name, each in searches.items()}
        return StudySnapshot(
            running=[
                self._running(job, trial) for each in every for job, trial in each.running_jobs()
            ],
            counts={name: dict(each.trials.count()) for name, each in searches.items()},
            budgets={
                name: 0 if each.is_taught else each.suggester.budget() or 1
                for name, each in searches.items()
            },
            best={name: score(trial) if trial else None for name, trial in best.items()},
            finals={name: len(each.complete()) if each else 0 for name, each in finals.items()},
            epochs_done=sum(epochs_done(each) for each in every),
            seconds_left=study_remaining_seconds(
                every, self.experiment, self._progress, self.splits
            ),
            jobs_to_fail=[pair for each in every for pair in each.jobs_to_fail()],
            messages=[message for each in every for message in each.suggester.messages()],
        )

    @_retry_database
    def complete_finals(self) -> dict[str, list[int]]:
        """Return the numbers of each architecture's complete finals."""
        finals = {name: each.finals() for name, each in self.searches.items()}
        return {
            name: [job_number(trial) for trial in store.complete()] if store else []
            for name, store in finals.items()
        }

    @_retry_database
    def winners(self) -> dict[str, str]:
        """Return the digest of each architecture's winner; '' without a complete trial."""
        return {name: each.jobs.winner() for name, each in self.searches.items()}

    @_retry_database
    def spent(self) -> dict[str, Spent]:
        """Return what the jobs of each network have used, in all sessions."""
        return {name: self.ledger.spent(name) for name in self.searches}

    @_retry_database
    def failure_reasons(self) -> dict[str, list[str]]:
        """Return why jobs failed, by architecture."""
        return {name: each.failure_reasons() for name, each in self.searches.items()}

    def database_outage(self) -> str:
        """Return why the current call waits for Optuna's database; '' if it does not.

        Call it in the concurrency group STATUS_GROUP, beside the call that waits.
        """
        return self._outage

    def _note_outage(self, reason: str) -> None:
        self._outage = reason

    def _running(self, job: Job, trial: FrozenTrial) -> RunningJob:
        epoch, percent = self._progress.get(job.key, (epochs_reported(trial), 100))
        lease = Lease.of(trial)
        return RunningJob(
            worker=lease.worker,
            label=job.key.label,
            epochs=job.settings.epochs,
            epoch=epoch,
            percent=percent,
            iou=trial.intermediate_values.get(trial.last_step or 0),
            images_per_second=self._speed.get(job.key),
            started=lease.since,
        )
