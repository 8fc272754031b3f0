"""The jobs of one architecture's trials: their keys, seeds and settings."""

from optuna.trial import FrozenTrial

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.config.search_space import apply_parameters
from pipelines.config.sections import Finals
from pipelines.job.job import Job, JobKey, JobKind, derive_seed
from pipelines.search.leases import Lease
from pipelines.search.trials import RECORDED, TrialStore, job_number, settings_digest


class TrialJobs:
    """Make the job of a trial.

    Args:
        experiment: The study's experiment.
        architecture: One of its architectures or variants.
        trials: The trials of its search; the best one is the winner.
        finals: How the winner is retrained.
    """

    def __init__(
        self, experiment: Experiment, architecture: str, trials: TrialStore, finals: Finals
    ) -> None:
        self._experiment = experiment
        self.finals = finals
        self._architecture = architecture
        self._trials = trials

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
            recorded=trial.user_attrs.get(RECORDED),
        )

    def final_key(self, number: int) -> JobKey:
        """Return the key of the winner's final of this number."""
        winner = settings_digest(self.winning_settings())
        return JobKey(kind="final", architecture=self._architecture, number=number, winner=winner)

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
        winner = self._trials.best()
        if winner is None:
            raise LookupError(f"no trial of {self._architecture} is complete: it has no finals yet")
        return self.finals.settings(apply_parameters(winner.params, self._experiment.training))
