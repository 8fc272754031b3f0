"""One architecture's way through a study: its search, then the finals of its winner.

Both are Optuna studies in one database, and a lane keeps nothing else: what was asked, told
and reached, and who does it, survives any process. Finals are trials with fixed settings, one
a seed.
"""

import hashlib
from dataclasses import dataclass

import optuna
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial, TrialState

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.search.asking import Asking, Point
from pipelines.search.job import Job, Key, Kind, seed_of
from pipelines.search.lease import Lease
from pipelines.search.space import apply
from pipelines.search.strategy import pruner
from pipelines.search.trials import ENDED, Trials, Verdict, epochs_of


@dataclass(frozen=True)
class End:
    """How a job ended: with a value, pruned, or (no value) failed for a reason."""

    value: float | None
    pruned: bool = False
    reason: str = ""
    out_of_memory: bool = False

    @property
    def state(self) -> TrialState:
        """The state in Optuna's terms."""
        if self.pruned:
            return TrialState.PRUNED
        return TrialState.FAIL if self.value is None else TrialState.COMPLETE


class Lane:
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
        base: "Lane | None" = None,
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self.session = session
        self._storage = storage
        self._base = base
        # A variant has one trial, and nothing to be compared with.
        self.search = self._open("search", NopPruner() if base else pruner(experiment))
        follows = self._base_settings if base else None
        self.asking = Asking(experiment, architecture, self.search, follows)
        self._finals: Trials | None = None

    def held(self, worker: str) -> Job | None:
        """Return the job that a worker holds."""
        for kind, trials in self._opened().items():
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
        if job := self._left_behind("trial", worker):
            return job
        trial = self.asking.ask()
        return self._hand_out("trial", trial, worker) if trial else None

    def next_final(self, worker: str) -> Job | None:
        """Give `worker` a final of the winner; None: the search goes on, or none is left."""
        if self._is_searching() or self.winner() is None:
            return None
        finals = self._open_finals()
        if job := self._left_behind("final", worker):
            return job
        if len(finals.begun()) < self.experiment.finals.seeds:
            return self._hand_out("final", finals.ask({}), worker)
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
        settings = apply(winner.params, self.experiment.training)
        epochs = self.experiment.finals.epochs or settings.epochs
        return settings.model_copy(update={"epochs": epochs})

    def winner_digest(self) -> str:
        """Return a short hash of the winner's settings: finals of other settings are not its."""
        text = self.winning_settings().model_dump_json() if self.winner() else ""
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def report(self, worker: str, key: Key, epoch: int, value: float) -> Verdict:
        """Store a value at an epoch; say whether to go on."""
        return self._trials(key.kind).report(worker, key.number, epoch, value)

    def finish(self, worker: str, key: Key, end: End) -> bool:
        """End a job; return whether it was this worker's to end."""
        trial = self._trials(key.kind).find(key.number)
        if Lease.of(trial).worker != worker:
            return False
        self.end(key, end)
        return True

    def end(self, key: Key, end: End) -> None:
        """End a job, whoever holds it. Ending it again changes nothing."""
        trials = self._trials(key.kind)
        trial = trials.find(key.number)
        if end.out_of_memory and trial.state not in ENDED:
            trials.note_out_of_memory(trial, self._settings(key.kind, trial).batch_size)
        trials.tell(key.number, end.value, end.state, end.reason)

    def lose(self, worker: str, *, is_fault: bool, out_of_memory: bool = False) -> Key | None:
        """Take the job of a dead worker back; return its key, None if the worker held none."""
        job = self.held(worker)
        if job is None:
            return None
        trials = self._trials(job.key.kind)
        trial = trials.find(job.key.number)
        lease = Lease.of(trial).lost(epochs_of(trial), is_fault=is_fault)
        if out_of_memory:
            trials.note_out_of_memory(trial, job.settings.batch_size)
            lease = lease.given_up(out_of_memory_at(job.settings.batch_size))
        trials.set_lease(trial, lease)
        return job.key

    def doomed(self) -> list[tuple[Job, str]]:
        """Return the jobs that are handed out no more, with the reasons; they are to be ended."""
        return [
            (self._job(kind, trial), Lease.of(trial).doomed)
            for kind, trials in self._opened().items()
            for trial in trials.running()
            if Lease.of(trial).doomed
        ]

    def at_work(self) -> list[tuple[Job, FrozenTrial]]:
        """Return the jobs that workers of this session hold."""
        return [
            (self._job(kind, trial), trial)
            for kind, trials in self._opened().items()
            for trial in trials.running()
            if Lease.of(trial).is_held(self.session)
        ]

    def epochs_done(self) -> int:
        """Return how many epochs lie behind this architecture; a job that has ended did all."""
        training = self.experiment.training.epochs
        lengths = {"trial": training, "final": self.experiment.finals.epochs or training}
        return sum(
            lengths[kind] if each.state in ENDED else epochs_of(each)
            for kind, trials in self._opened().items()
            for each in trials.all()
        )

    def finals_done(self) -> int:
        """Return how many finals of the winner are complete."""
        finals = self.finals()
        return len(finals.complete()) if finals else 0

    def finals(self) -> Trials | None:
        """Return the winner's finals; None while the search goes on, and the winner may change."""
        return None if self._is_searching() or self.winner() is None else self._open_finals()

    def reasons(self) -> list[str]:
        """Return why jobs failed, each reason once."""
        found = set().union(*(trials.reasons() for trials in self._opened().values()))
        return sorted(found | {self.asking.note()} - {""})

    def _base_settings(self) -> list[Point] | None:
        """Return the settings of the base's winner: none if it has none, None if it may change."""
        base = self._base
        if base is None or base._is_searching():
            return None
        winner = base.winner()
        return [dict(winner.params)] if winner else []

    def _is_searching(self) -> bool:
        """Return whether a trial of the search is still to be started or to end."""
        return self.asking.goes_on() or bool(self.search.running())

    def _left_behind(self, kind: Kind, worker: str) -> Job | None:
        """Hand out a job that was begun and that no worker of this session holds."""
        for trial in self._trials(kind).running():
            lease = Lease.of(trial)
            if lease.is_held(self.session) or lease.doomed:
                continue
            asked = self.asking.asked(trial) if kind == "trial" else trial
            if asked is not None:
                return self._hand_out(kind, asked, worker)
        return None

    def _hand_out(self, kind: Kind, trial: FrozenTrial, worker: str) -> Job:
        lease, trials = Lease.of(trial).taken(worker, epochs_of(trial)), self._trials(kind)
        trials.set_lease(trial, lease)
        return self._job(kind, trials.find(trial.number))

    def _job(self, kind: Kind, trial: FrozenTrial) -> Job:
        base, number = self.experiment.seed, trial.number
        key = Key(kind, self.architecture, number, self.winner_digest() if kind == "final" else "")
        if kind == "final":
            seed = seed_of(base, "final", number)  # the same seeds for every architecture
        else:
            seed = seed_of(base, self.architecture, number)
        attempt = Lease.of(trial).attempt
        return Job(key, self.experiment.study, seed, attempt, self._settings(kind, trial))

    def _settings(self, kind: Kind, trial: FrozenTrial) -> TrainingSettings:
        if kind == "final":
            return self.winning_settings()
        return apply(trial.params, self.experiment.training)

    def _open(self, name: str, with_pruner: optuna.pruners.BasePruner) -> Trials:
        name = f"{self.experiment.study}/{self.architecture}/{name}"
        return Trials(name, self._storage, with_pruner)

    def _open_finals(self) -> Trials:
        if self._finals is None:
            self._finals = self._open(f"finals-{self.winner_digest()}", NopPruner())
        return self._finals

    def _trials(self, kind: Kind) -> Trials:
        return self.search if kind == "trial" else self._open_finals()

    def _opened(self) -> dict[Kind, Trials]:
        """Return the search, and the finals once the search is over."""
        finals = self.finals()
        return {"trial": self.search} if finals is None else {"trial": self.search, "final": finals}


def out_of_memory_at(batch_size: int) -> str:
    """Say in words that a batch was too large."""
    return f"out of memory at batch size {batch_size}"
