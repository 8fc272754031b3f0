"""A search that begins with the best settings of earlier studies, while they agree with it.

What a search uses of earlier studies is stored with it in Optuna's database before its first trial.
So a later change of the stores changes nothing, and a coordinator that is restarted suggests the
same.
"""

from collections.abc import Iterable, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from pipelines.compare.formatting import join_words
from pipelines.config import Experiment
from pipelines.search.memory import EarlierStudy, SearchMemory, Trial, scores_at_rungs
from pipelines.search.trials import TrialStore, epochs_reported

# Attributes in Optuna's database: do not rename them.
MEMORY = "warm_start"  # of a study: the names of the earlier studies
OF_STUDY = "warm_start/"  # and an earlier study's name: its trials
FROM_MEMORY = "from_memory"  # of a trial with the settings of an earlier one
EarlierTrials = dict[str, list[Trial]]  # by study, the newest first


class WarmStart:
    """The memory of one search: it adds earlier settings to the trials while their order agrees.

    Args:
        experiment: The study's experiment.
        trials: The search's trials.
    """

    def __init__(self, experiment: Experiment, trials: TrialStore) -> None:
        self._trials = trials
        self._epochs = experiment.training.epochs
        self._grace = experiment.search.grace_epochs
        space = experiment.search.space
        self._tuned = space.tuned().keys()
        stored = stored_memory(trials.study) if experiment.search.warm_start else {}
        self._memory = SearchMemory(
            [EarlierStudy(name, earlier, space) for name, earlier in stored.items()], space
        )

    def enqueue_next(self, batch_sizes: Sequence[int]) -> None:
        """Add earlier settings as the next trial, if it is their turn and no trial waits.

        Args:
            batch_sizes: The allowed ones.
        """
        everything = self._trials.all()
        if not self._memory.studies or any(each.state == TrialState.WAITING for each in everything):
            return
        point = self._memory.next_point(self._known(), proposed(everything), batch_sizes)
        if point is not None:
            self._trials.enqueue_point(point, {FROM_MEMORY: True})

    def refutes(self, trial: FrozenTrial) -> bool:
        """Return whether a trial has settings of earlier studies that were wrong so far."""
        if FROM_MEMORY not in trial.user_attrs or epochs_reported(trial) < self._grace:
            return False
        return not any(self._memory.weights(self._known()).values())

    def message(self) -> str:
        """Return that the earlier studies are not used; '' while they are."""
        known = self._known()
        if not self._memory.studies or any(self._memory.weights(known).values()):
            return ""
        names = join_words([each.name for each in self._memory.studies])
        return f"the trials of {names} are not ordered as those of this search: they are not used"

    def _known(self) -> list[Trial]:
        """Return the trials that were started, with their scores so far."""
        return [
            trial_of(each, self._epochs)
            for each in self._trials.started()
            if self._tuned <= each.params.keys()
        ]


def proposed(trials: Iterable[FrozenTrial]) -> int:
    """Return how many trials have the settings of earlier studies."""
    return sum(FROM_MEMORY in each.user_attrs for each in trials)


def add_memory(study: optuna.Study, trials: EarlierTrials) -> None:
    """Store the trials of each earlier study, and last their names: then all are there."""
    for name, earlier in trials.items():
        keys = list(earlier[0].parameters)
        rows = [
            [[each.parameters[key] for key in keys], [round(score, 5) for score in each.scores]]
            for each in earlier
        ]
        study.set_user_attr(OF_STUDY + name, {"keys": keys, "trials": rows})
    study.set_user_attr(MEMORY, list(trials))


def stored_memory(study: optuna.Study) -> EarlierTrials:
    """Return the trials that `add_memory` stored; none if it stored none."""
    attributes = study.user_attrs
    return {
        name: [
            Trial(dict(zip(stored["keys"], values, strict=True)), tuple(scores))
            for stored in [attributes[OF_STUDY + name]]
            for values, scores in stored["trials"]
        ]
        for name in attributes.get(MEMORY, ())
    }


def trial_of(trial: FrozenTrial, epochs: int) -> Trial:
    """Return a trial of Optuna's with its scores.

    A complete trial has reached every rung, even if it stopped early.

    Args:
        trial: A trial with all its parameters.
        epochs: The length of a whole training.
    """
    values = dict(trial.intermediate_values)
    if trial.state == TrialState.COMPLETE and values:
        values |= {epochs: max(values.values())}
    return Trial(trial.params, scores_at_rungs(values, epochs))
