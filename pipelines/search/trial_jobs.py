"""The jobs of one architecture's trials: their keys, seeds, settings and teachers."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.config.search_space import apply_parameters, network_parameters
from pipelines.config.sections import Finals
from pipelines.job.job import (
    EnsembleMember,
    Job,
    JobKey,
    JobKind,
    derive_seed,
    members_digest,
)
from pipelines.search.leases import Lease
from pipelines.search.spending import ended_attempts
from pipelines.search.trials import RECORDED, TrialStore, job_number


def settings_digest(settings: TrainingSettings) -> str:
    """Return a short hash of the settings that finals retrain.

    The fields of `TrainingSettings` are hashed in their order: do not reorder them.
    """
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:8]


class TrialJobs:
    """Make the job of a trial.

    Args:
        experiment: The study's experiment.
        architecture: One of its architectures or variants, or the taught network.
        trials: The trials of its search, or of its student's; the best one is the winner.
        finals: How the winner is retrained.
        teachers: The jobs of the networks that teach it.
        judged: The judged network that teaches it.
    """

    def __init__(
        self,
        experiment: Experiment,
        architecture: str,
        trials: TrialStore,
        finals: Finals,
        *,
        teachers: "Sequence[TrialJobs]" = (),
        judged: EnsembleMember | None = None,
    ) -> None:
        self._experiment = experiment
        self.finals = finals
        self._architecture = architecture
        self._trials = trials
        self._teachers, self._judged = teachers, judged

    def job(self, kind: JobKind, trial: FrozenTrial) -> Job:
        """Return the job of a trial of the search, or of one of the winner's finals."""
        number = job_number(trial)
        trial_key = JobKey(kind="trial", architecture=self._architecture, number=number)
        # The seeds of finals are the same for every architecture.
        name = "final" if kind == "final" else self._architecture
        return Job(
            key=self.final_key(number) if kind == "final" else trial_key,
            study=self._experiment.study,
            seed=derive_seed(self._experiment.seed, name, number),
            attempt=Lease.of(trial).attempt,
            settings=self.settings(kind, trial),
            network=network_parameters(self._point() if kind == "final" else trial.params),
            recorded=trial.user_attrs.get(RECORDED),
            teachers=self._members(),
            spent=ended_attempts(trial, self._experiment.resources),
        )

    def final_key(self, number: int) -> JobKey:
        """Return the key of the winner's final of this number."""
        architecture, winner = self._architecture, self.winner()
        return JobKey(kind="final", architecture=architecture, number=number, winner=winner)

    def winner(self) -> str:
        """Return a digest of what the finals train; '' while no trial is complete.

        That of a taught network includes its teachers' winners and its part of `distil`.
        """
        if self._trials.best() is None:
            return ""
        settings, members = self._winning_digest(), self._members()
        distil = self._experiment.distil
        if not members or distil is None:
            return settings
        if not all(member.winner for member in members):
            return ""
        parts = (settings, members_digest(members), distil.weight, distil.temperature)
        return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:8]

    def _winning_digest(self) -> str:
        """Return a digest of the winning settings, and of the network's options if they are tuned.

        Without tuned options it is that of earlier versions, so that their finals are found.
        """
        settings = settings_digest(self.winning_settings())
        options = network_parameters(self._point())
        if not options:
            return settings
        text = f"{settings}/{json.dumps(options, sort_keys=True)}"
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def _members(self) -> tuple[EnsembleMember, ...]:
        if self._judged is not None:
            return (self._judged,)
        return tuple(EnsembleMember(each._architecture, each.winner()) for each in self._teachers)

    def settings(self, kind: JobKind, trial: FrozenTrial) -> TrainingSettings:
        """Return the training settings of a job."""
        if kind == "final":
            return self.winning_settings()
        return apply_parameters(trial.params, self._experiment.training)

    def winning_settings(self) -> TrainingSettings:
        """Return the training settings of the winner's finals.

        Raises:
            LookupError: No trial of the search is complete.
        """
        point = self._point()
        return self.finals.settings(apply_parameters(point, self._experiment.training))

    def _point(self) -> dict[str, Any]:
        """Return the parameters of the winner.

        Raises:
            LookupError: No trial of the search is complete.
        """
        winner = self._trials.best()
        if winner is None:
            raise LookupError(f"no trial of {self._architecture} is complete: it has no finals yet")
        return winner.params
