"""Measurements of every model of a study, and comparisons of two models in one measure.

All models must have been tested on the same images; photographs are resampled alike for all.
Shapes: N test images.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.data.split import photo_of
from faceseg.errors import UserError
from faceseg.evaluation.baselines import LEARNED_MARGIN
from faceseg.metrics.confusion_matrix import Fractions, per_image_iou
from faceseg.statistics import (
    Estimate,
    ResampledScore,
    Resampling,
    SignedRankResult,
    estimate,
    estimate_difference,
    holm_correction,
    resample_score,
    signed_rank_test,
    verdict,
)
from faceseg.statistics.estimates import Verdict
from pipelines.compare.analysis import measure_functions
from pipelines.compare.analysis.comparison_table import RESAMPLES
from pipelines.compare.analysis.measures import Measure, measures
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How much higher the first model is than the second in a measure.

    The estimate is a difference for an image measure and the natural logarithm of a ratio for a
    run measure. Its interval is NaN where it cannot be estimated (one run each). `margin` is
    the largest difference that counts as none. `busy` names the models whose runs were timed on a
    busy machine, or on one whose load is unknown: the comparison is undecided.
    """

    first: str
    second: str
    measure: Measure
    estimate: Estimate
    margin: float
    busy: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether the interval shows the first higher (supported) or lower (contradicted)."""
        if self.busy or not math.isfinite(self.estimate.low):
            return "undecided"
        if verdict(self.estimate, self.scaled_margin) == "supported":
            return "supported"
        lower = verdict(self.estimate, -self.scaled_margin) == "contradicted"
        return "contradicted" if lower else "undecided"

    @property
    def scaled_margin(self) -> float:
        """The margin on the scale of the estimate."""
        return self.margin if self.measure.photos else math.log1p(self.margin)


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Every measure of some models; each value is computed once, when it is first needed."""

    models: tuple[ComparedModel, ...]
    classes: ClassSet
    resamples: int = RESAMPLES
    _cache: dict[tuple[str, str], ResampledScore | None] = field(default_factory=dict, repr=False)

    @classmethod
    def from_study(cls, study: ComparedStudy, resamples: int = RESAMPLES) -> "Measurements":
        """Measure the models of a study.

        Raises:
            UserError: The models were tested on different images.
        """
        first = study.models[0]
        ids = first.finals[0].tested.ids
        for model in study.models:
            if any(final.tested.ids != ids for final in model.finals):
                raise UserError(
                    f"{model.name} was tested on other images than {first.name}: only models that "
                    "were tested on the same images can be compared"
                )
        return cls(models=study.models, classes=study.classes, resamples=resamples)

    @property
    def measures(self) -> dict[str, Measure]:
        """Every measure by name."""
        return measures(self.classes)

    def model(self, name: str) -> ComparedModel:
        """Return a model by name."""
        return next(model for model in self.models if model.name == name)

    def has_learned(self, name: str) -> bool:
        """Return whether a model's mean test IoU is clearly above that of the mean label map."""
        finals = self.model(name).finals
        iou = np.mean([final.metrics.get("test/iou", 0.0) for final in finals])
        return bool(iou >= self.baseline_iou + LEARNED_MARGIN)

    @property
    def baseline_iou(self) -> float:
        """The IoU of the mean label map, a prediction that does not depend on the image."""
        return self.models[0].finals[0].records.baseline_iou

    def value(self, name: str, measure: str) -> Estimate | None:
        """Return a model's score in an image measure; None if it was not measured."""
        chosen = self.measures[measure]
        score = self._measured(self.model(name), chosen)
        return estimate(score, highest=chosen.highest) if score else None

    def compare(
        self, first: str, second: str, measure: str, margin: float | None = None
    ) -> Comparison | str:
        """Compare two models in a measure.

        Args:
            first: The name of one model.
            second: The name of the other.
            measure: The name of the measure.
            margin: Differences up to this count as none; None means the measure's own margin.

        Returns:
            The comparison, or the reason why the two cannot be compared.
        """
        chosen = self.measures[measure]
        one, other = self.model(first), self.model(second)
        if chosen.relative:
            untrained = [name for name in (first, second) if not self.has_learned(name)]
            if untrained:
                return (
                    f"{' and '.join(untrained)} scored less than {LEARNED_MARGIN} above the mean "
                    "label map, so this measure is meaningless"
                )
        compare = self._compare_images if chosen.photos else _compare_runs
        difference = compare(one, other, chosen)
        if difference is None:
            return f"not measured here; {chosen.needs}" if chosen.needs else "not measured here"
        if not math.isfinite(difference.value):
            return "undefined here: no test image shows what it measures"
        return Comparison(
            first=first,
            second=second,
            measure=chosen,
            estimate=difference,
            margin=chosen.margin if margin is None else margin,
            busy=tuple(each.name for each in (one, other) if chosen.timed and each.was_busy),
        )

    def image_ious(self, name: str) -> Fractions:
        """Return each test image's IoU, the mean over a model's final runs, shape (N,)."""
        finals = self.model(name).finals
        scores = [per_image_iou(final.tested.counts, self.classes) for final in finals]
        mean: Fractions = np.mean(scores, axis=0)
        return mean

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph of each test image, N names."""
        return self.models[0].finals[0].records.photos

    def _compare_images(
        self, one: ComparedModel, other: ComparedModel, measure: Measure
    ) -> Estimate | None:
        first, second = self._measured(one, measure), self._measured(other, measure)
        if first is None or second is None:
            return None
        return estimate_difference(first, second)

    def _measured(self, model: ComparedModel, measure: Measure) -> ResampledScore | None:
        key = (model.name, measure.name)
        if key not in self._cache:
            self._cache[key] = self._measure(model, measure)
        return self._cache[key]

    def _measure(self, model: ComparedModel, measure: Measure) -> ResampledScore | None:
        images = measure.photos(model.finals, self.classes) if measure.photos else None
        if images is None:
            return None
        resampling = Resampling(tuple(map(photo_of, images.ids)), self.resamples)
        return resample_score(images.overlaps, images.score, resampling)


def _compare_runs(one: ComparedModel, other: ComparedModel, measure: Measure) -> Estimate | None:
    if measure.run is None:
        return None
    first, second = ([measure.run(final) for final in model.finals] for model in (one, other))
    if not all(math.isfinite(value) and value > 0 for value in (*first, *second)):
        return None
    return measure_functions.log_ratio(first, second, exact=measure.exact)


# --- Every two models compared in test IoU, with the interval and a test by ranks.


@dataclass(frozen=True)
class PairComparison:
    """The difference of two models in test IoU, and the signed-rank test over photographs.

    `adjusted` is the test's p-value after Holm's correction over all pairs of the comparison.
    """

    comparison: Comparison
    rank: SignedRankResult
    adjusted: float

    @property
    def words(self) -> str:
        """The verdict in words."""
        return verdict_text(self.comparison)


def compare_pairs(measurements: Measurements, table: pd.DataFrame) -> list[PairComparison]:
    """Compare every two models in test IoU; in each pair the one ranked higher comes first."""
    compared = []
    for first, second in combinations([str(name) for name in table["architecture"]], 2):
        comparison = measurements.compare(first, second, "iou", margin=0.0)
        if isinstance(comparison, str):  # no test image shows a foreground class
            continue
        rank = signed_rank_test(
            measurements.image_ious(first), measurements.image_ious(second), measurements.photos
        )
        compared.append((comparison, rank))
    adjusted = holm_correction([rank.p_value for _, rank in compared])
    return [
        PairComparison(comparison, rank, p_value)
        for (comparison, rank), p_value in zip(compared, adjusted, strict=True)
    ]


def verdict_text(comparison: Comparison) -> str:
    """Return which of two models is better, or 'undecided'."""
    if comparison.verdict == "undecided":
        return "undecided"
    first_is_higher = comparison.verdict == "supported"
    first_is_better = first_is_higher == (comparison.measure.better == "high")
    return f"{comparison.first if first_is_better else comparison.second} is better"
