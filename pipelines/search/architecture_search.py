"""One architecture's way through a study: its search, then the finals of its winner.

Both are Optuna studies in one database, and a lane keeps nothing else: what was asked, told
and reached, and who does it, survives any process. Finals are trials with fixed settings, one
a seed.
"""

import hashlib

import optuna
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.config.search_space import apply_parameters
from pipelines.job.job import Job, JobKey, JobKind, derive_seed
from pipelines.search.leases import Lease
from pipelines.search.sampling import Parameters, TrialSuggester, make_pruner
from pipelines.search.trials import (
    ENDED,
    JobOutcome,
    TrialDirective,
    TrialStore,
    epochs_reported,
    out_of_memory_message,
)


class ArchitectureSearch:
    """The jobs of one architecture, in order.

    base: of a variant, the lane of the architecture whose winning settings it is trained with:
    its search is one trial at these.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        storage: optuna.storages.BaseStorage,
        session: str,
        base: "ArchitectureSearch | None" = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.session = session
        self._storage = storage
        self._base = base
        # A variant has one trial, and nothing to be compared with.
        self.search = self._open("search", NopPruner() if base else make_pruner(experiment))
        follows = self._base_settings if base else None
        self.suggester = TrialSuggester(experiment, architecture, self.search, follows)
        self._finals: TrialStore | None = None

    def job_of(self, worker: str) -> Job | None:
        """Return the job that a worker holds."""
        for kind, trials in self._trials_by_kind().items():
            for trial in trials.running():
                if Lease.of(trial).worker == worker:
                    return self._job(kind, trial)
        return None

    def next(self, worker: str) -> Job | None:
        """Give `worker` a trial, else a final; None: nothing is left, or others hold it."""
        return self.next_trial(worker) or self.next_final(worker)

    def next_trial(self, worker: str) -> Job | None:
        """Give `worker` a trial of the search; None: none is left, or others hold them.

        One that nobody does any more comes first.
        """
        if job := self._take_abandoned("trial", worker):
            return job
        trial = self.suggester.suggest()
        return self._assign("trial", trial, worker) if trial else None

    def next_final(self, worker: str) -> Job | None:
        """Give `worker` a final of the winner; None: the search goes on, or none is left."""
        if self._is_searching() or self.winner() is None:
            return None
        finals = self._open_finals()
        if job := self._take_abandoned("final", worker):
            return job
        if len(finals.started()) < self.experiment.finals.seeds:
            return self._assign("final", finals.ask({}), worker)
        return None

    def done(self) -> bool:
        """Return whether nothing is left to do or to wait for."""
        if self._is_searching():
            return False
        if self.winner() is None:
            return True
        ended = [each for each in self._open_finals().all() if each.state in ENDED]
        return len(ended) >= self.experiment.finals.seeds

    def winner(self) -> FrozenTrial | None:
        """Return the completed trial of the best value; of equals the first."""
        complete = self.search.complete()
        return max(complete, key=lambda each: (each.value, -each.number), default=None)

    def winning_settings(self) -> TrainingSettings:
        """Return the training settings of the winner's finals. Raises LookupError without one."""
        winner = self.winner()
        if winner is None:
            raise LookupError(f"no trial of {self.architecture} is complete: it has no finals yet")
        settings = apply_parameters(winner.params, self.experiment.training)
        epochs = self.experiment.finals.epochs or settings.epochs
        return settings.model_copy(update={"epochs": epochs})

    def winner_digest(self) -> str:
        """Return a short hash of the winner's settings: finals of other settings are not its."""
        text = self.winning_settings().model_dump_json() if self.winner() else ""
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def report(self, worker: str, key: JobKey, epoch: int, value: float) -> TrialDirective:
        """Store a value at an epoch; say whether to go on."""
        return self._trials(key.kind).report(worker, key.number, epoch, value)

    def finish_by(self, worker: str, key: JobKey, end: JobOutcome) -> bool:
        """End a job; return whether it was this worker's to end."""
        trial = self._trials(key.kind).find(key.number)
        if Lease.of(trial).worker != worker:
            return False
        self.end(key, end)
        return True

    def end(self, key: JobKey, end: JobOutcome) -> None:
        """End a job, whoever holds it. Ending it again changes nothing."""
        trials = self._trials(key.kind)
        trial = trials.find(key.number)
        if end.out_of_memory and trial.state not in ENDED:
            trials.note_out_of_memory(trial, self._settings(key.kind, trial).batch_size)
        trials.tell(key.number, end.value, end.state, end.reason)

    def release(self, worker: str, *, is_fault: bool, out_of_memory: bool = False) -> JobKey | None:
        """Take the job of a dead worker back; return its key, None if the worker held none."""
        job = self.job_of(worker)
        if job is None:
            return None
        trials = self._trials(job.key.kind)
        trial = trials.find(job.key.number)
        lease = Lease.of(trial).after_death(epochs_reported(trial), is_fault=is_fault)
        if out_of_memory:
            trials.note_out_of_memory(trial, job.settings.batch_size)
            lease = lease.abandoned(out_of_memory_message(job.settings.batch_size))
        trials.set_lease(trial, lease)
        return job.key

    def jobs_to_fail(self) -> list[tuple[Job, str]]:
        """Return the jobs that are handed out no more, with the reasons; they are to be ended."""
        return [
            (self._job(kind, trial), Lease.of(trial).doomed)
            for kind, trials in self._trials_by_kind().items()
            for trial in trials.running()
            if Lease.of(trial).doomed
        ]

    def running_jobs(self) -> list[tuple[Job, FrozenTrial]]:
        """Return the jobs that workers of this session hold."""
        return [
            (self._job(kind, trial), trial)
            for kind, trials in self._trials_by_kind().items()
            for trial in trials.running()
            if Lease.of(trial).is_held_in(self.session)
        ]

    def epochs_done(self) -> int:
        """Return how many epochs lie behind this architecture; a job that has ended did all."""
        training = self.experiment.training.epochs
        lengths = {"trial": training, "final": self.experiment.finals.epochs or training}
        return sum(
            lengths[kind] if each.state in ENDED else epochs_reported(each)
            for kind, trials in self._trials_by_kind().items()
            for each in trials.all()
        )

    def finals_done(self) -> int:
        """Return how many finals of the winner are complete."""
        finals = self.finals()
        return len(finals.complete()) if finals else 0

    def finals(self) -> TrialStore | None:
        """Return the winner's finals; None while the search goes on, and the winner may change."""
        return None if self._is_searching() or self.winner() is None else self._open_finals()

    def failure_reasons(self) -> list[str]:
        """Return why jobs failed, each reason once."""
        found = set().union(
            *(trials.failure_reasons() for trials in self._trials_by_kind().values())
        )
        return sorted(found | {self.suggester.early_end_message()} - {""})

    def _base_settings(self) -> list[Parameters] | None:
        """Return the settings of the base's winner: none if it has none, None if it may change."""
        base = self._base
        if base is None or base._is_searching():
            return None
        winner = base.winner()
        return [dict(winner.params)] if winner else []

    def _is_searching(self) -> bool:
        """Return whether a trial of the search is still to be started or to end."""
        return self.suggester.has_next() or bool(self.search.running())

    def _take_abandoned(self, kind: JobKind, worker: str) -> Job | None:
        """Hand out a job that was begun and that no worker of this session holds."""
        for trial in self._trials(kind).running():
            lease = Lease.of(trial)
            if lease.is_held_in(self.session) or lease.doomed:
                continue
            asked = self.suggester.complete(trial) if kind == "trial" else trial
            if asked is not None:
                return self._assign(kind, asked, worker)
        return None

    def _assign(self, kind: JobKind, trial: FrozenTrial, worker: str) -> Job:
        lease, trials = Lease.of(trial).assigned(worker, epochs_reported(trial)), self._trials(kind)
        trials.set_lease(trial, lease)
        return self._job(kind, trials.find(trial.number))

    def _job(self, kind: JobKind, trial: FrozenTrial) -> Job:
        base, number = self.experiment.seed, trial.number
        key = JobKey(
            kind, self.architecture, number, self.winner_digest() if kind == "final" else ""
        )
        if kind == "final":
            seed = derive_seed(base, "final", number)  # the same seeds for every architecture
        else:
            seed = derive_seed(base, self.architecture, number)
        attempt = Lease.of(trial).attempt
        return Job(key, self.experiment.study, seed, attempt, self._settings(kind, trial))

    def _settings(self, kind: JobKind, trial: FrozenTrial) -> TrainingSettings:
        if kind == "final":
            return self.winning_settings()
        return apply_parameters(trial.params, self.experiment.training)

    def _open(self, name: str, with_pruner: optuna.pruners.BasePruner) -> TrialStore:
        name = f"{self.experiment.study}/{self.architecture}/{name}"
        return TrialStore(name, self._storage, with_pruner)

    def _open_finals(self) -> TrialStore:
        if self._finals is None:
            self._finals = self._open(f"finals-{self.winner_digest()}", NopPruner())
        return self._finals

    def _trials(self, kind: JobKind) -> TrialStore:
        return self.search if kind == "trial" else self._open_finals()

    def _trials_by_kind(self) -> dict[JobKind, TrialStore]:
        """Return the search, and the finals once the search is over."""
        finals = self.finals()
        return {"trial": self.search} if finals is None else {"trial": self.search, "final": finals}
