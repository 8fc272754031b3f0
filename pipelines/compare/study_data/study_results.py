"""The trials of a search, as MLflow has them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from pipelines.compare.study_data.worker_time import WorkerTime
from pipelines.config import Experiment
from pipelines.config.sections import ENSEMBLE
from pipelines.job.results import ImagePanel

AUGMENTATION_PREFIX = "augmentation."  # its strength is tuned under a name of its own


@dataclass(frozen=True)
class TrialRun:
    """One trial: `value` is its best validation IoU, NaN if it has none.

    `settings` are all that it was trained with and are numbers, by the names of the search.
    """

    number: int
    state: str
    value: float
    settings: Mapping[str, float]
    seconds: float
    epochs: int


def numeric_params(params: Mapping[str, str]) -> dict[str, float]:
    """Return the parameters that are numbers, under the names that the search has for them."""
    found = {}
    for name, text in params.items():
        try:
            found[name.replace(AUGMENTATION_PREFIX, AUGMENTATION_PREFIX.replace(".", "_"))] = float(
                text
            )
        except ValueError:
            continue
    return found


@dataclass(frozen=True)
class FinalRun:
    """One final: what was logged of it, its curves and its records of single images.

    `history` is empty of an ensemble.
    """

    number: int
    seed: int
    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    history: pd.DataFrame
    records: EvaluationRecords
    rows: dict[str, pd.DataFrame]  # by suite, its table, read off the records
    panel: ImagePanel

    @property
    def tested(self) -> SplitEvaluation:
        """The test images as they are."""
        if self.records.tested is None:
            raise UserError(f"the records of run {self.run_id} are of a trial: it was not tested")
        return self.records.tested


@dataclass(frozen=True)
class ComparedModel:
    """What stands in a row: an architecture, a variant of one, or the ensemble.

    `trials` are those of its search, by number. `variant_of` names the architecture that it
    changes in one thing (such as the encoder's weights). Only architectures are rivals in claims
    about the best of all.
    """

    name: str
    finals: tuple[FinalRun, ...]
    trials: tuple[TrialRun, ...] = ()
    variant_of: str | None = None

    @property
    def is_architecture(self) -> bool:
        """Whether it is neither a variant nor the ensemble."""
        return self.variant_of is None and self.name != ENSEMBLE

    @property
    def is_trained(self) -> bool:
        """Whether it was trained: an ensemble is made of others."""
        return self.name != ENSEMBLE

    @property
    def states(self) -> Counter[str]:
        """How the trials ended."""
        return Counter(trial.state for trial in self.trials)

    @property
    def trial_seconds(self) -> float:
        """The training time of all trials together."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def trial_epochs(self) -> int:
        """The epochs of all trials together."""
        return sum(trial.epochs for trial in self.trials)


@dataclass(frozen=True)
class StudyResults:
    """One study. `masks` is the checksum of the occluders that its test images got."""

    experiment: str
    study: str
    run_id: str
    commit: str
    manifest: Manifest
    models: tuple[ComparedModel, ...]
    settings: Experiment
    description: str = ""
    masks: str = ""
    worker_time: WorkerTime = field(default_factory=WorkerTime)

    @property
    def architectures(self) -> tuple[ComparedModel, ...]:
        """The rivals: no variants, no ensemble."""
        return tuple(each for each in self.models if each.is_architecture)

    @property
    def classes(self) -> ClassSet:
        """The classes that were scored."""
        return self.manifest.classes


def is_pretrained(contender: ComparedModel) -> bool:
    """Return whether its network began with weights that it was given."""
    given = contender.finals[0].params.get("network.encoder_weights", "none")
    return given not in ("none", "None", "")
