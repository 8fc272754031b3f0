"""What was measured of each contender, taken once and resampled alike for all of them.

Contenders may come from several studies: they must have been tested on the same images.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from faceseg.data.classes import ClassSet
from faceseg.data.split import photo_of
from faceseg.errors import UserError
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
from pipelines.compare.study_data.study_results import ComparedModel, StudyResults


@dataclass(frozen=True)
class Comparison:
    """How far the first is above the second in a measure: a difference, or a logarithm of a ratio.

    `low`, `high` of the estimate are NaN where no interval is known (one run each).
    """

    first: str
    second: str
    measure: Measure
    estimate: Estimate
    margin: float

    @property
    def verdict(self) -> Verdict:
        """Whether the first is surely higher (supported) or lower (contradicted)."""
        found, zone = self.estimate, self.scaled_margin
        if not math.isfinite(found.low):
            return "undecided"
        if verdict(found, zone) == "supported":
            return "supported"
        return "contradicted" if verdict(found, -zone) == "contradicted" else "undecided"

    @property
    def scaled_margin(self) -> float:
        """The margin in the terms of the estimate."""
        return self.margin if self.measure.photos else math.log1p(self.margin)


@dataclass(frozen=True)
class Measurements:
    """The measurements of some contenders."""

    models: tuple[ComparedModel, ...]
    classes: ClassSet
    resamples: int = RESAMPLES
    _cache: dict[tuple[str, str], ResampledScore | None] = field(default_factory=dict, repr=False)

    @classmethod
    def from_study(cls, record: StudyResults, resamples: int = RESAMPLES) -> "Measurements":
        """Take a study's contenders. UserError if they were tested on different images."""
        contenders = record.models
        ids = contenders[0].finals[0].tested.ids
        for each in contenders:
            if any(final.tested.ids != ids for final in each.finals):
                raise UserError(
                    f"{each.name} was tested on other images than {contenders[0].name}: networks "
                    "can be compared on the same images alone"
                )
        return cls(contenders, record.classes, resamples)

    @property
    def measures(self) -> dict[str, Measure]:
        """Every measure by name."""
        return measures(self.classes)

    def model(self, name: str) -> ComparedModel:
        """Return a contender by name."""
        return next(each for each in self.models if each.name == name)

    def beats_baseline(self, name: str) -> bool:
        """Whether a network is better than one that never looks (the mean label map)."""
        finals = self.model(name).finals
        found = np.mean([final.metrics.get("test/iou", 0.0) for final in finals])
        return bool(found > self.baseline_iou)

    @property
    def baseline_iou(self) -> float:
        """The IoU of the mean label map."""
        return self.models[0].finals[0].records.baseline_iou

    def value(self, name: str, wanted: str) -> Estimate | None:
        """Return a contender's figure in a measure on photographs; None if it was not taken."""
        found = self._measured(self.model(name), self.measures[wanted])
        return estimate(found) if found else None

    def compare(
        self, first: str, second: str, wanted: str, margin: float | None = None
    ) -> Comparison | str:
        """Compare two contenders in a measure, or say why they cannot be."""
        chosen = self.measures[wanted]
        one, other = self.model(first), self.model(second)
        if chosen.relative:
            empty = [name for name in (first, second) if not self.beats_baseline(name)]
            if empty:
                return (
                    f"{' and '.join(empty)} learned nothing that could be kept: no better than "
                    "the mean label map"
                )
        taken = self._compare_images if chosen.photos else _compare_runs
        found = taken(one, other, chosen)
        if found is None:
            return f"not measured here; set {chosen.needs}" if chosen.needs else "not measured here"
        if not math.isfinite(found.value):
            return "it has no value here: what it is about occurs in no test image"
        return Comparison(first, second, chosen, found, chosen.margin if margin is None else margin)

    def image_ious(self, name: str) -> Fractions:
        """Return each test image's IoU, the mean over a contender's finals, (N,)."""
        finals = self.model(name).finals
        scores = [per_image_iou(final.tested.counts, self.classes) for final in finals]
        found: Fractions = np.mean(scores, axis=0)
        return found

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph of each test image."""
        return self.models[0].finals[0].records.photos

    def _compare_images(
        self, one: ComparedModel, other: ComparedModel, chosen: Measure
    ) -> Estimate | None:
        first, second = self._measured(one, chosen), self._measured(other, chosen)
        if first is None or second is None:
            return None
        return estimate_difference(first, second)

    def _measured(self, contender: ComparedModel, chosen: Measure) -> ResampledScore | None:
        key = (contender.name, chosen.name)
        if key not in self._cache:
            self._cache[key] = self._measure(contender, chosen)
        return self._cache[key]

    def _measure(self, contender: ComparedModel, chosen: Measure) -> ResampledScore | None:
        taken = chosen.photos(contender.finals, self.classes) if chosen.photos else None
        if taken is None:
            return None
        resampling = Resampling(tuple(map(photo_of, taken.ids)), self.resamples)
        return resample_score(taken.tallies, taken.score, resampling)


def _compare_runs(one: ComparedModel, other: ComparedModel, chosen: Measure) -> Estimate | None:
    if chosen.run is None:
        return None
    first, second = ([chosen.run(final) for final in each.finals] for each in (one, other))
    if not all(math.isfinite(value) and value > 0 for value in (*first, *second)):
        return None
    return measure_functions.log_ratio(first, second, exact=chosen.exact)


# --- Every two contenders compared on the same test images: how far apart, and how sure that is.


@dataclass(frozen=True)
class PairComparison:
    """The test IoU of two contenders: the difference, and the ranks of single photographs.

    `adjusted` is the p-value after Holm, over all pairs of the comparison.
    """

    comparison: Comparison
    rank: SignedRankResult
    adjusted: float

    @property
    def words(self) -> str:
        """The verdict in words."""
        return verdict_text(self.comparison)


def compare_pairs(evidence: Measurements, table: pd.DataFrame) -> list[PairComparison]:
    """Compare every two contenders, the better one of the table first."""
    found = []
    for first, second in combinations([str(name) for name in table["architecture"]], 2):
        comparison = evidence.compare(first, second, "iou", margin=0.0)
        if isinstance(comparison, str):  # all background: no IoU anywhere
            continue
        found.append(
            (
                comparison,
                signed_rank_test(
                    evidence.image_ious(first), evidence.image_ious(second), evidence.photos
                ),
            )
        )
    adjusted = holm_correction([rank.p_value for _, rank in found])
    return [
        PairComparison(comparison, rank, p_value)
        for (comparison, rank), p_value in zip(found, adjusted, strict=True)
    ]


def verdict_text(comparison: Comparison) -> str:
    """Say which of two is better, or that it is undecided."""
    high = comparison.measure.better == "high"
    if comparison.verdict == "undecided":
        return "undecided"
    above = comparison.verdict == "supported"
    return f"{comparison.first if above == high else comparison.second} is better"
