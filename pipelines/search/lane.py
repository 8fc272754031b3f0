"""One architecture's way through a study: its search, then the finals of its winner.

Both are Optuna studies in one database, so what was asked, told and reached survives any
process: a lane opened again finds its running trials and hands them out anew. Finals are
trials with fixed settings, one a seed.
"""

import hashlib
import math
from collections import Counter
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.search.job import Job, Key, Kind, seed_of
from pipelines.search.space import apply
from pipelines.search.strategy import pruner, sampler

ATTEMPTS = 3  # of one job, when machines die under it
ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Lane:
    """The jobs of one architecture, in order."""

    def __init__(
        self, experiment: Experiment, architecture: str, storage: optuna.storages.BaseStorage
    ) -> None:
        self.experiment = experiment
        self.architecture = architecture
        self._storage = storage
        self._search = self._open("search", pruner(experiment))
        for point in experiment.search.first:
            self._search.enqueue_trial(point, skip_if_exists=True)
        self._finals: optuna.Study | None = None
        self._lost = [self._key("trial", each) for each in self._running(self._search)]

    def started(self) -> int:
        """Return how many trials of the search were ever started."""
        return len(self._begun(self._search))

    def ended(self) -> int:
        """Return how many trials of the search have ended, in whatever way."""
        return sum(each.state in ENDED for each in self._search.get_trials(deepcopy=False))

    def next(self) -> Job | None:
        """Return a job to do, or None: nothing left, or all that is left is running."""
        if self._lost:
            return self._again(self._lost.pop(0))
        search = self.experiment.search
        if self.started() < search.trials:
            return self._ask()
        if self._running(self._search) or self.winner() is None:
            return None
        finals = self._open_finals()
        if self._lost:
            return self._again(self._lost.pop(0))
        if len(self._begun(finals)) < self.experiment.finals.seeds:
            trial = finals.ask()
            return self._job(self._key("final", trial), 1)
        return None

    def done(self) -> bool:
        """Return whether nothing is left to do or to wait for."""
        if self._is_searching():
            return False
        if self.winner() is None:
            return True
        finals = self._open_finals()
        ended = [each for each in finals.get_trials(deepcopy=False) if each.state in ENDED]
        return len(ended) >= self.experiment.finals.seeds

    def winner(self) -> FrozenTrial | None:
        """Return the completed trial of the best value; of equals the first."""
        complete = self._search.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
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

    def report(self, key: Key, epoch: int, value: float) -> bool:
        """Store a value at an epoch; return whether to go on. A repeated epoch is not stored.

        NaN (no foreground class was to be found) counts as 0. A job that has ended elsewhere
        need not go on.
        """
        trial = self._trial(key)
        known = trial.storage.get_trial(trial._trial_id)
        if known.state in ENDED:
            return False
        if epoch not in known.intermediate_values:
            trial.report(_number(value), epoch)
        if key.kind == "final":
            return True
        return not trial.should_prune()

    def tell(self, key: Key, value: float | None, state: TrialState, reason: str = "") -> None:
        """End a job; a NaN value counts as 0. Telling an ended one again changes nothing."""
        if self._has_ended(key):
            return
        study = self._study(key.kind)
        if reason:
            study._storage.set_trial_user_attr(self._trial(key)._trial_id, "reason", reason)
        told = None if value is None or state != TrialState.COMPLETE else _number(value)
        study.tell(key.number, told, state=state, skip_if_finished=True)

    def lose(self, key: Key) -> None:
        """Put a job whose worker died in front of the queue, or fail it after three attempts."""
        self._lost.append(key)

    def count(self) -> Counter[str]:
        """Return how many trials of the search ended in which state."""
        return Counter(each.state.name.lower() for each in self._search.get_trials(deepcopy=False))

    def finals_done(self) -> int:
        """Return how many finals of the winner are complete."""
        if self._is_searching():
            return 0  # the winner may still change
        if self.winner() is None:
            return 0
        states = (TrialState.COMPLETE,)
        return len(self._open_finals().get_trials(deepcopy=False, states=states))

    def reasons(self) -> list[str]:
        """Return why jobs failed, each reason once."""
        studies = [self._search] if self._finals is None else [self._search, self._finals]
        failed = [
            each
            for study in studies
            for each in study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        ]
        return sorted({str(each.user_attrs.get("reason", "unknown")) for each in failed})

    def _is_searching(self) -> bool:
        """Return whether a trial of the search is still to be started or to end."""
        return self.started() < self.experiment.search.trials or bool(self._running(self._search))

    def _ask(self) -> Job:
        self._search.sampler = sampler(self.experiment, self.architecture, self.started())
        trial = self._search.ask(self.experiment.search.space.distributions())
        return self._job(self._key("trial", trial), 1)

    def _again(self, key: Key) -> Job | None:
        if self._has_ended(key):  # a worker given up for lost had told it after all
            return self.next()
        trial = self._trial(key)
        attempt = int(trial.user_attrs.get("attempt", 1)) + 1
        if attempt > ATTEMPTS:
            self.tell(key, None, TrialState.FAIL, f"its worker died {ATTEMPTS} times")
            return self.next()
        return self._job(key, attempt)

    def _job(self, key: Key, attempt: int) -> Job:
        trial = self._trial(key)
        trial.set_user_attr("attempt", attempt)
        base = self.experiment.seed
        if key.kind == "final":
            settings = self.winning_settings()
            seed = seed_of(base, "final", key.number)  # the same seeds for every architecture
        else:
            settings = apply(trial.params, self.experiment.training)
            seed = seed_of(base, self.architecture, key.number)
        return Job(key, self.experiment.study, seed, attempt, settings)

    def _open(self, name: str, with_pruner: optuna.pruners.BasePruner) -> optuna.Study:
        return optuna.create_study(
            study_name=f"{self.experiment.study}/{self.architecture}/{name}",
            storage=self._storage,
            direction="maximize",
            pruner=with_pruner,
            load_if_exists=True,
        )

    def _open_finals(self) -> optuna.Study:
        if self._finals is None:
            name = f"finals-{self.winner_digest()}"
            self._finals = self._open(name, optuna.pruners.NopPruner())
            self._lost += [self._key("final", each) for each in self._running(self._finals)]
        return self._finals

    def _study(self, kind: Kind) -> optuna.Study:
        return self._search if kind == "trial" else self._open_finals()

    def _key(self, kind: Kind, trial: FrozenTrial | Trial) -> Key:
        winner = self.winner_digest() if kind == "final" else ""
        return Key(kind, self.architecture, trial.number, winner)

    def _trial(self, key: Key) -> Any:
        study = self._study(key.kind)
        return Trial(study, study.get_trials(deepcopy=False)[key.number]._trial_id)

    def _has_ended(self, key: Key) -> bool:
        trial = self._trial(key)
        return trial.storage.get_trial(trial._trial_id).state in ENDED

    @staticmethod
    def _begun(study: optuna.Study) -> list[FrozenTrial]:
        trials = study.get_trials(deepcopy=False)
        return [each for each in trials if each.state != TrialState.WAITING]

    @staticmethod
    def _running(study: optuna.Study) -> list[FrozenTrial]:
        return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def _number(value: float) -> float:
    """Return the value Optuna is told: it takes no NaN."""
    return 0.0 if math.isnan(value) else value
