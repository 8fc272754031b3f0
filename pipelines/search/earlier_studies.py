"""Which earlier studies a search may use, and their trials.

MLflow contains the experiment of every study: its networks and the space of its search. Optuna's
database contains the trials. What a search uses is stored with it before its first trial,
so that later changes of the stores do not change the search.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from faceseg.errors import UserError
from pipelines.compare.study_data.collection import read_settings
from pipelines.compare.study_data.study_results import warm_start_listed
from pipelines.config import Experiment
from pipelines.config.search_space import AUTO, SearchSpace
from pipelines.search.database import open_storage
from pipelines.search.memory import RUNGS, Trial
from pipelines.search.trials import TrialStore, last_of_each_job, search_name
from pipelines.search.warm_start import MEMORY, EarlierTrials, add_memory, stored_memory, trial_of
from pipelines.tracking import Tracker

MAX_READ = 200  # studies, the newest, whose experiments are read
MAX_STUDIES = 5  # that one search uses, the newest
MAX_TRIALS = 100  # of each: MySQL stores at most 64 kB in one attribute
MIN_TRIALS = 3  # fewer have no order
Sources = dict[str, dict[str, int]]  # number of trials, by architecture and earlier study
logger = logging.getLogger(__name__)


class EarlierStudies:
    """The studies of a store that an experiment's `search.warm_start` names.

    Args:
        experiment: The experiment that is to learn from them.
        tracker: The MLflow store.
        database: Optuna's database.

    Raises:
        UserError: A named study does not exist.
    """

    def __init__(
        self, experiment: Experiment, tracker: Tracker, database: optuna.storages.BaseStorage
    ) -> None:
        self.experiment = experiment
        self._wanted = experiment.search.warm_start or AUTO
        self._database = database
        self._studies = {each.study_name: each._study_id for each in database.get_all_studies()}
        self._experiments = dict(self._read(tracker))

    def trials(self, architecture: str) -> tuple[EarlierTrials, list[str]]:
        """Return the trials that the search of an architecture may use.

        Returns:
            The trials of each study that fits, and why each other study does not.
        """
        found: EarlierTrials = {}
        reasons = []
        for study, earlier in self._experiments.items():
            reason = unlike(self.experiment, earlier, architecture)
            if not reason:
                trials = self._trials(study, earlier, architecture)
                whole = [each for each in trials if len(each.scores) == RUNGS]
                if len(trials) >= MIN_TRIALS and whole:
                    found[study] = trials
                else:
                    reason = (
                        f"it has {len(trials)} trials of {architecture} inside search.space, "
                        f"{len(whole)} of them complete, in {self.experiment.search_database}"
                    )
            if reason:
                reasons.append(f"{study}: {reason}")
            if len(found) == MAX_STUDIES:
                break
        return found, reasons

    def _read(self, tracker: Tracker) -> Iterator[tuple[str, Experiment]]:
        """Yield the wanted studies with their experiments, the newest first."""
        runs = {run.data.tags["faceseg.study"]: run for run in tracker.all_runs(kind="study")}
        runs.pop(self.experiment.study, None)
        names = [name for name in reversed(runs) if self._is_wanted(name)]
        if not names and self._wanted != AUTO:
            known = ", ".join(list(reversed(runs))[:10]) or "none"
            raise UserError(
                f"search.warm_start: MLflow at {tracker.uri} has no study {self._wanted!r}; "
                f"expected '{AUTO}', or the name of an experiment or of a study that was run "
                f"before. The newest: {known}"
            )
        with TemporaryDirectory(prefix="faceseg-") as folder:
            for name in names[:MAX_READ]:
                run_id = runs[name].info.run_id
                try:
                    file = tracker.fetch(run_id, "experiment.yaml", Path(folder))
                    yield name, read_settings(file)
                except UserError as error:
                    if self._wanted != AUTO:
                        raise
                    logger.warning("study %s is not used: %s", name, error)

    def _is_wanted(self, study: str) -> bool:
        return self._wanted in (AUTO, study, study.rpartition("-")[0])

    def _trials(self, study: str, earlier: Experiment, architecture: str) -> list[Trial]:
        """Return a study's trials inside the new space, at most MAX_TRIALS, the best first."""
        number = self._studies.get(search_name(study, architecture))
        if number is None:
            return []
        stored = last_of_each_job(self._database.get_all_trials(number, deepcopy=False))
        trials = [
            trial_of(each, earlier.training.epochs)
            for each in stored
            if each.state in (TrialState.COMPLETE, TrialState.PRUNED)
            and inside(each, self.experiment.search.space)
        ]
        ordered = sorted(
            (each for each in trials if each.scores),
            key=lambda each: (len(each.scores), each.scores[-1]),
            reverse=True,
        )
        evenly = np.linspace(0, len(ordered) - 1, min(len(ordered), MAX_TRIALS)).round()
        return [ordered[int(index)] for index in evenly]


def unlike(new: Experiment, earlier: Experiment, architecture: str) -> str:
    """Return why an earlier experiment's search of an architecture differs; '' if it does not."""
    before, now = (each.architectures.get(architecture) for each in (earlier, new))
    if before is None:
        return f"it has no {architecture}"
    if before != now:
        return f"its {architecture} has other options"
    tuned, tunes = earlier.search.space.tuned().keys(), new.search.space.tuned().keys()
    if tuned != tunes:
        return f"it tuned {', '.join(tuned)}, and this search tunes {', '.join(tunes)}"
    return ""


def inside(trial: FrozenTrial, space: SearchSpace) -> bool:
    """Return whether a trial has a value in each range of a space."""
    try:
        space.check_point(trial.params)
    except ValueError:
        return False
    return space.tuned().keys() <= trial.params.keys()


def store_memory(experiment: Experiment, tracker: Tracker) -> Sources:
    """Store what each search of a study uses of earlier ones, if it is not stored yet.

    Args:
        experiment: The study's experiment, with `search.warm_start`.
        tracker: The MLflow store.

    Returns:
        The number of trials of each earlier study, by architecture.

    Raises:
        UserError: A named study does not exist, or is of use for no architecture.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it prints each new study
    storage = open_storage(experiment.search_database)
    try:
        names = {name: search_name(experiment.study, name) for name in experiment.architectures}
        known = {each.study_name: each._study_id for each in storage.get_all_studies()}
        missing = [
            name
            for name, search in names.items()
            if search not in known or MEMORY not in storage.get_study_user_attrs(known[search])
        ]
        if missing:
            earlier = EarlierStudies(experiment, tracker, storage)
            found = {name: earlier.trials(name) for name in missing}
            nothing = not any(trials for trials, _ in found.values())
            if nothing and missing == list(names) and experiment.search.warm_start != AUTO:
                reasons = dict.fromkeys(each for _, why in found.values() for each in why)
                raise UserError(
                    f"search.warm_start: {experiment.search.warm_start!r} is of no use for this "
                    f"search: {'; '.join(reasons)}. Expected the same options of an architecture "
                    "and the same tuned settings"
                )
            for name, (trials, _) in found.items():
                add_memory(
                    TrialStore(names[name], storage, optuna.pruners.NopPruner()).study, trials
                )
        return {
            name: {
                study: len(trials)
                for study, trials in stored_memory(
                    optuna.load_study(study_name=search, storage=storage)
                ).items()
            }
            for name, search in names.items()
        }
    finally:
        storage.engine.dispose()


def sentences(sources: Sources) -> list[str]:
    """Return a sentence for each architecture: what its search is warm-started from."""
    return [
        f"{name}: its search is warm-started from {warm_start_listed(studies)}"
        if studies
        else f"{name}: no earlier study with the same options and tuned settings was found; its "
        "search starts without one"
        for name, studies in sources.items()
    ]
