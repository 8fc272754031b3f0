"""A finished study as dataclasses: its models, their trials and their final runs."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from pipelines.compare.formatting import join_words
from pipelines.compare.study_data.worker_time import WorkerTime
from pipelines.config import Experiment
from pipelines.config.names import is_judged, is_trained
from pipelines.config.search_space import NETWORK_OPTIONS, SECTIONS
from pipelines.job.gpu_metrics import GPU_METRICS
from pipelines.job.machine_load import is_quiet
from pipelines.job.results import ImagePanel
from pipelines.job.spent import Spent
from pipelines.tracking.run_networks import MEMBER_PARAM

# Of a study's run: the number of trials that each search was warm-started from, as JSON.
WARM_START_TAG = "warm_start"
DEFAULT_STORE = "sqlite:///results/mlflow.db"  # that `faceseg predict` uses without --tracking
# MLflow logs `augmentation.strength`; the search space calls it `augmentation_strength`.
SECTION_OF_SETTING = re.compile(rf"^({'|'.join(SECTIONS)})\.")
NETWORK_OF_SETTING = re.compile(rf"^network\.(?=({'|'.join(NETWORK_OPTIONS)})$)")


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """One trial of a search.

    `state` is its `faceseg.state` tag: complete, pruned, failed or unfinished. `value` is its
    best validation IoU, NaN if it has none. `settings` are its numeric parameters, under the
    names that the search space uses. `metrics` are all that its run has logged.
    """

    number: int
    state: str
    value: float
    settings: Mapping[str, float]
    seconds: float
    epochs: int
    run_id: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


def numeric_params(params: Mapping[str, str]) -> dict[str, float]:
    """Return the parameters that are numbers, under the names that the search space uses."""
    numbers = {}
    for name, text in params.items():
        search_name = NETWORK_OF_SETTING.sub("", SECTION_OF_SETTING.sub(r"\1_", name))
        try:
            numbers[search_name] = float(text)
        except ValueError:
            continue
    return numbers


@dataclass(frozen=True, kw_only=True)
class FinalRun:
    """One final run: its logged values, its learning curves and its counts for each image.

    `history` is empty for a model that is not trained. `rows` contains the table of each
    robustness suite by the suite's name, computed from `records`.
    """

    number: int
    seed: int
    run_id: str
    metrics: dict[str, float]
    params: dict[str, str]
    history: pd.DataFrame
    records: EvaluationRecords
    rows: dict[str, pd.DataFrame]
    panel: ImagePanel

    def metric(self, name: str) -> float:
        """Return a logged metric; NaN if it has no value."""
        return self.metrics.get(name, math.nan)

    @property
    def tested(self) -> SplitEvaluation:
        """The evaluation on the clean test images.

        Raises:
            UserError: The records are those of a trial, which is not tested.
        """
        if self.records.tested is None:
            raise UserError(
                f"the records of run {self.run_id} contain no test: it is a trial, not a final run"
            )
        return self.records.tested


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """One row of the comparison: a network, its mean with its mirror image, or an ensemble.

    `trials` are those of its search, by number. `variant_of` is the architecture from which a
    variant differs in one option, such as the encoder's weights. Claims about the best of all
    networks compare architectures only. For a taught network, `variant_of` is its student and
    `taught_by` its teacher. `failed_finals` are the reasons of those that failed, by number.
    """

    name: str
    finals: tuple[FinalRun, ...]
    trials: tuple[TrialRun, ...] = ()
    variant_of: str | None = None
    taught_by: str | None = None
    failed_finals: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_architecture(self) -> bool:
        """Whether it is trained and no variant."""
        return self.variant_of is None and self.is_trained

    @property
    def was_busy(self) -> bool:
        """Whether a final was timed on a busy machine, or on one whose load is unknown."""
        return not all(is_quiet(final.metrics) for final in self.finals)

    @property
    def is_trained(self) -> bool:
        """Whether the study trained it; ensembles and mirrored means use the networks of others."""
        return is_trained(self.name)

    @property
    def is_judged(self) -> bool:
        """Whether another program trained it, and `faceseg judge` tested it."""
        return is_judged(self.name)

    @property
    def members(self) -> list[str]:
        """The networks that it uses, if it is not trained itself."""
        params = self.finals[0].params
        return [name.removeprefix(MEMBER_PARAM) for name in params if name.startswith(MEMBER_PARAM)]

    @property
    def states(self) -> Counter[str]:
        """The number of trials in each final state."""
        return Counter(trial.state for trial in self.trials)

    @property
    def trial_seconds(self) -> float:
        """The training time of all trials, in seconds."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def trial_epochs(self) -> int:
        """The number of epochs of all trials."""
        return sum(trial.epochs for trial in self.trials)


@dataclass(frozen=True, kw_only=True)
class ComparedStudy:
    """The results of one study.

    `experiment` is the experiment's name, `name` the study's, `run_id` that of the study's own
    MLflow run, which is in the store `tracking_uri`. `settings` is the experiment as the study ran
    it. `masks` is the checksum of the occluders that were drawn on its test images. `left_out` are
    the classes that a judged network does not have; no score of any model contains them. `spent` is
    what the trials and finals of each network have used; studies of earlier versions lack it.
    `warm_start` is the number of trials from which each search was warm-started, by architecture
    and earlier study.
    """

    experiment: str
    name: str
    run_id: str
    commit: str
    manifest: Manifest
    models: tuple[ComparedModel, ...]
    settings: Experiment
    description: str = ""
    masks: str = ""
    tracking_uri: str = DEFAULT_STORE
    worker_time: WorkerTime = field(default_factory=WorkerTime)
    left_out: tuple[str, ...] = ()
    spent: Mapping[str, Spent] = field(default_factory=dict)
    warm_start: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def architectures(self) -> tuple[ComparedModel, ...]:
        """The models that are trained and no variants."""
        return tuple(model for model in self.models if model.is_architecture)

    @property
    def missing_finals(self) -> list[str]:
        """A sentence for each model that has fewer finals than the experiment has seeds."""
        seeds = self.settings.finals.seeds
        sentences = []
        for model in self.models:
            if len(model.finals) < seeds and not model.is_judged:
                failed = [f"final {n}: {why}" for n, why in sorted(model.failed_finals.items())]
                reasons = f" Failed: {'; '.join(failed)}." if failed else ""
                sentences.append(
                    f"{model.name} has {len(model.finals)} of {seeds} finals: its scores are "
                    f"those of fewer trainings.{reasons}"
                )
        return sentences

    @property
    def warm_start_sentences(self) -> list[str]:
        """A sentence for each search that was warm-started: from what."""
        return [
            f"The search of {name} was warm-started from {warm_start_listed(earlier)}."
            for name, earlier in self.warm_start.items()
            if earlier
        ]

    @property
    def judged_sentences(self) -> list[str]:
        """Sentences about the networks that another program trained; none without any."""
        names = [model.name for model in self.models if model.is_judged]
        if not names:
            return []
        sentences = [
            f"{', '.join(names)}: trained by another program, and tested here by `faceseg judge`."
        ]
        if self.left_out:
            sentences.append(
                f"Left out of the mean of every network: {', '.join(self.left_out)}, because a "
                "judged network does not have it."
            )
        return sentences

    @property
    def gpu_metrics(self) -> list[str]:
        """The metrics of a GPU that any final run has: none in a study on the CPU."""
        finals = [final for model in self.models for final in model.finals]
        return [name for name in GPU_METRICS if any(name in final.metrics for final in finals)]

    @property
    def classes(self) -> ClassSet:
        """The classes that were scored."""
        return self.manifest.classes


def warm_start_listed(earlier: Mapping[str, int]) -> str:
    """Return the number of trials of each earlier study as words."""
    return join_words([f"{count} trials of {study}" for study, count in earlier.items()])


def is_pretrained(model: ComparedModel) -> bool:
    """Return whether the model's encoder started from pretrained weights."""
    weights = model.finals[0].params.get("network.encoder_weights", "none")
    return weights not in ("none", "None", "")
