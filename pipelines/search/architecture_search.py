"""The jobs of one architecture: the trials of its search, then the finals of its winner.

Both are Optuna studies in one database, which contains all state: suggestions, reports and leases.
So the state survives any process. Finals are trials with fixed settings, one per seed.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

import optuna
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial

from pipelines.config import Experiment
from pipelines.job.job import EnsembleMember, Job, JobKey, JobKind
from pipelines.job.spent import Spent
from pipelines.search.failure_policy import Ruling
from pipelines.search.finals import (
    ask_final,
    finals_section,
    next_number,
    note_failed_final,
    repeat_lost_finals,
    retry_failed_finals,
)
from pipelines.search.goal_values import COSTS, bounds_message
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import Lease
from pipelines.search.lost_jobs import free_job
from pipelines.search.samplers import make_pruner
from pipelines.search.sampling import Parameters, TrialSuggester
from pipelines.search.spending import end_attempt, end_lost_attempts, use_of_attempt
from pipelines.search.teaching import Teaching, teaching_of
from pipelines.search.trial_jobs import TrialJobs
from pipelines.search.trials import (
    ENDED,
    SECONDS,
    TrialDirective,
    TrialStore,
    epochs_reported,
    job_number,
)
from pipelines.search.worker_death import WorkerDeath

logger = logging.getLogger(__name__)


class ArchitectureSearch:
    """Assign the jobs of one architecture to workers, and record how they end.

    Args:
        experiment: The study's experiment.
        architecture: One of its architectures or variants, or the taught network.
        storage: Optuna's database.
        session: Prefix of the names of the workers that may hold jobs now.
        base: For a variant, the search of the architecture whose winning settings it is trained
            with: the variant's own search is one trial at these settings. For the taught network,
            the search of its student: it has no trial of its own.
        teachers: The searches of the networks that teach it.
        judged: The judged network that teaches it; it has no search.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        storage: optuna.storages.BaseStorage,
        session: str,
        *,
        base: "ArchitectureSearch | None" = None,
        teachers: "Sequence[ArchitectureSearch]" = (),
        judged: EnsembleMember | None = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.session, self._storage = session, storage
        self._base, self._teachers = base, tuple(teachers)
        self.is_taught = bool(teachers) or judged is not None  # it has no search of its own
        # A variant has one trial, which no other can be compared with.
        self.trials = self._open("search", NopPruner() if base else make_pruner(experiment))
        section = base.jobs.finals if base else finals_section(experiment, self.trials)
        searched = base.trials if base and self.is_taught else self.trials
        jobs = [each.jobs for each in teachers]
        self.jobs: TrialJobs = TrialJobs(
            experiment, architecture, searched, section, teachers=jobs, judged=judged
        )
        fixed_points = self._base_settings if base else None
        self.suggester = TrialSuggester(experiment, architecture, self.trials, fixed_points)
        self._finals: TrialStore | None = None

    def job_of(self, worker: str) -> Job | None:
        """Return the job that a worker holds."""
        for kind, store in self.stores().items():
            for trial in store.running():
                if Lease.of(trial).worker == worker:
                    return self.jobs.job(kind, trial)
        return None

    def next_trial(self, worker: str) -> Job | None:
        """Assign a trial to `worker`, an abandoned one first; None if none is free."""
        if job := self._take_abandoned("trial", worker):
            return job
        trial = self.suggester.suggest()
        return self._assign("trial", trial, worker) if trial else None

    def next_final(self, worker: str) -> Job | None:
        """Assign a final of the winner to `worker`; None during the search, or if none is left."""
        finals = self.finals()
        if finals is None:
            return None
        if job := self._take_abandoned("final", worker):
            return job
        while len(finals.started()) < self.experiment.finals.seeds:
            teaching = self._teaching(next_number(finals))
            if teaching.ready:
                return self._assign("final", ask_final(finals), worker)
            if not teaching.failure:
                return None
            self._fail_untaught(ask_final(finals), teaching)
        return None

    def done(self) -> bool:
        """Return whether no job is left to assign or to wait for."""
        if self._is_searching():
            return False
        finals = self.finals()  # None: no trial is complete
        return finals is None or len(finals.ended()) >= self.experiment.finals.seeds

    def note_costs(self, worker: str, key: JobKey, costs: Mapping[str, float]) -> None:
        """Store the goals of a trial that are known before its training, if `worker` holds it."""
        trial = self.trials.find(key.number)
        if Lease.of(trial).worker == worker:
            self.trials.set_attribute(trial, COSTS, dict(costs))

    def report(self, worker: str, key: JobKey, epoch: int, value: float) -> TrialDirective:
        """Store the value of an epoch; return what the worker is to do."""
        return self._store(key.kind).report(worker, key.number, epoch, value)

    def finish_by(self, worker: str, key: JobKey, outcome: JobOutcome) -> bool:
        """End a job if `worker` holds it; return whether it does."""
        if Lease.of(self._store(key.kind).find(key.number)).worker != worker:
            return False
        self.end(key, outcome)
        return True

    def end(self, key: JobKey, outcome: JobOutcome) -> None:
        """End a job of any worker. Nothing changes if it has ended."""
        store = self._store(key.kind)
        if (trial := store.find(key.number)).state in ENDED:
            return
        if outcome.out_of_memory:
            store.note_out_of_memory(trial, self.jobs.settings(key.kind, trial).batch_size)
        if outcome.value is None and key.kind == "final":
            note_failed_final(store, trial, outcome, self.session)
        if Lease.of(trial).worker:  # a job that was given up has none, and its attempts have ended
            now = use_of_attempt(trial, self.experiment.resources, None)
            end_attempt(store, trial, outcome.spent or now)
        if outcome.seconds:
            store.set_attribute(trial, SECONDS, dict(outcome.seconds))
        store.tell(key.number, outcome.value, outcome.state, outcome.reason, outcome.goals)

    def release(
        self, worker: str, death: WorkerDeath, reading: Spent | None = None
    ) -> tuple[JobKey, Ruling] | None:
        """Free the job of a worker that died or gave it up; return its key and what follows.

        `reading` is what the worker has last measured of its attempt.
        """
        job = self.job_of(worker)
        if job is None:
            return None
        store = self._store(job.key.kind)
        trial = store.find(job.key.number)
        # A taught network has no trial; its batch size is that of its student's winner.
        searched = self._base if self._base and self.is_taught else self
        trained = job.settings.batch_size <= searched.suggester.largest_trained_batch()
        spent = use_of_attempt(trial, self.experiment.resources, reading)
        ruling = free_job(job, store, trial, death, has_trained=trained, spent=spent)
        return job.key, ruling

    def jobs_to_fail(self) -> list[tuple[Job, str]]:
        """Return the jobs that are not assigned again, with the reasons: the driver ends them."""
        return [
            (self.jobs.job(kind, trial), Lease.of(trial).doomed)
            for kind, store in self.stores().items()
            for trial in store.running()
            if Lease.of(trial).doomed
        ]

    def running_jobs(self) -> list[tuple[Job, FrozenTrial]]:
        """Return the jobs that workers of this session hold."""
        return [
            (self.jobs.job(kind, trial), trial)
            for kind, store in self.stores().items()
            for trial in store.running()
            if Lease.of(trial).is_held_in(self.session)
        ]

    def finals(self) -> TrialStore | None:
        """Return the winner's finals; None during the search, while the winner may change."""
        undecided = self._is_searching() or not self.jobs.winner()
        return None if undecided else self._open_finals()

    def repeat_finals(self, recorded: Collection[JobKey]) -> list[JobKey]:
        """Let complete finals that MLflow has not `recorded` run again; return their keys."""
        finals = self.finals()
        return repeat_lost_finals(finals, self.jobs.final_key, recorded) if finals else []

    def failure_reasons(self) -> list[str]:
        """Return why jobs failed, each reason once."""
        found = set().union(*(store.failure_reasons() for store in self.stores().values()))
        bounds = bounds_message(self.trials.ended(), self.trials.goals)
        return sorted(found | {self.suggester.early_end_message(), bounds} - {""})

    def _base_settings(self) -> list[Parameters] | None:
        """Return the parameters of the base's winner: [] if it has none, None if it may change.

        A taught network has no trial, and waits for its teachers' searches too.
        """
        if self._base is None or any(
            each._is_searching() for each in (self._base, *self._teachers)
        ):
            return None
        winner = None if self.is_taught else self._base.trials.best()
        return [dict(winner.params)] if winner else []

    def _teaching(self, number: int) -> Teaching:
        return teaching_of(number, {each.architecture: each.finals() for each in self._teachers})

    def _fail_untaught(self, trial: FrozenTrial, teaching: Teaching) -> None:
        """End a final whose teacher has failed; a later session tries both again."""
        key = self.jobs.final_key(job_number(trial))
        logger.warning("not trained: %s", teaching.failure, extra={"run": key.label})
        self.end(key, JobOutcome(value=None, reason=teaching.failure))

    def _is_searching(self) -> bool:
        """Return whether a trial of the search is still to be started or to end."""
        return self.suggester.has_next() or bool(self.trials.running())

    def _take_abandoned(self, kind: JobKind, worker: str) -> Job | None:
        """Assign a job that was started and that no worker of this session holds."""
        for trial in self._store(kind).running():
            lease = Lease.of(trial)
            if lease.is_held_in(self.session) or lease.doomed:
                continue
            if kind == "final":
                teaching = self._teaching(job_number(trial))
                if teaching.failure:
                    self._fail_untaught(trial, teaching)
                if not teaching.ready:
                    continue
            runnable = self.suggester.complete(trial) if kind == "trial" else trial
            if runnable is not None:
                return self._assign(kind, runnable, worker)
        return None

    def _assign(self, kind: JobKind, trial: FrozenTrial, worker: str) -> Job:
        lease, store = Lease.of(trial).assigned(worker, epochs_reported(trial)), self._store(kind)
        store.set_lease(trial, lease)
        job = self.jobs.job(kind, store.find(job_number(trial)))
        logger.info("assigned to %s, attempt %d", worker, job.attempt, extra={"run": job.key.label})
        return job

    @property
    def prefix(self) -> str:
        """The beginning of the names of its Optuna studies."""
        return f"{self.experiment.study}/{self.architecture}/"

    def _open(self, kind: str, pruner: optuna.pruners.BasePruner) -> TrialStore:
        # A bound chooses among settings; those of a variant are given.
        has_goals = kind == "search" and self._base is None
        goals = self.experiment.search.parsed_goals if has_goals else None
        store = TrialStore(f"{self.prefix}{kind}", self._storage, pruner, goals)
        end_lost_attempts(store, self.session, self.experiment.resources)
        return store

    def _open_finals(self) -> TrialStore:
        if self._finals is None:
            self._finals = self._open(f"finals-{self.jobs.winner()}", NopPruner())
            retry_failed_finals(self._finals, self.session)
        return self._finals

    def _store(self, kind: JobKind) -> TrialStore:
        return self.trials if kind == "trial" else self._open_finals()

    def stores(self) -> dict[JobKind, TrialStore]:
        """Return the search's trials, and the finals once the search is over."""
        finals = self.finals()
        return {"trial": self.trials} if finals is None else {"trial": self.trials, "final": finals}

    def open_stores(self) -> dict[JobKind, TrialStore]:
        """Return `stores`, but the finals only if they are open already."""
        opened: dict[JobKind, TrialStore] = {"trial": self.trials}
        return opened if self._finals is None else opened | {"final": self._finals}
