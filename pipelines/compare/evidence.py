"""What was measured of each contender, taken once and resampled alike for all of them.

Contenders may come from several studies: they must have been tested on the same images.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from faceseg.classes import ClassSet
from faceseg.data.photos import photo_of
from faceseg.errors import UserError
from faceseg.metrics import Fractions, per_image_iou
from faceseg.statistics import (
    Estimate,
    Measured,
    Resampling,
    difference,
    estimate,
    measure,
    verdict,
)
from faceseg.statistics.estimates import Verdict
from pipelines.compare import run_measures
from pipelines.compare.collect import Contender, Record
from pipelines.compare.measures import Measure, measures
from pipelines.compare.table import RESAMPLES


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
        found, zone = self.estimate, self.zone
        if not math.isfinite(found.low):
            return "undecided"
        if verdict(found, zone) == "supported":
            return "supported"
        return "contradicted" if verdict(found, -zone) == "contradicted" else "undecided"

    @property
    def zone(self) -> float:
        """The margin in the terms of the estimate."""
        return self.margin if self.measure.photos else math.log1p(self.margin)


@dataclass(frozen=True)
class Evidence:
    """The measurements of some contenders."""

    contenders: tuple[Contender, ...]
    classes: ClassSet
    resamples: int = RESAMPLES
    _kept: dict[tuple[str, str], Measured | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, record: Record, resamples: int = RESAMPLES) -> "Evidence":
        """Take a study's contenders. UserError if they were tested on different images."""
        contenders = record.contenders
        ids = contenders[0].finals[0].tested.ids
        for each in contenders:
            if any(final.tested.ids != ids for final in each.finals):
                raise UserError(
                    f"{each.name} was tested on other images than {contenders[0].name}: networks "
                    "can be compared on the same images alone"
                )
        return cls(contenders, record.classes, resamples)

    @property
    def table(self) -> dict[str, Measure]:
        """Every measure by name."""
        return measures(self.classes)

    def contender(self, name: str) -> Contender:
        """Return a contender by name."""
        return next(each for each in self.contenders if each.name == name)

    def learned(self, name: str) -> bool:
        """Whether a network is better than one that never looks (the mean label map)."""
        finals = self.contender(name).finals
        found = np.mean([final.metrics.get("test/iou", 0.0) for final in finals])
        return bool(found > self.blind)

    @property
    def blind(self) -> float:
        """The IoU of the mean label map."""
        return self.contenders[0].finals[0].records.blind

    def value(self, name: str, wanted: str) -> Estimate | None:
        """Return a contender's figure in a measure on photographs; None if it was not taken."""
        found = self._measured(self.contender(name), self.table[wanted])
        return estimate(found) if found else None

    def compare(
        self, first: str, second: str, wanted: str, margin: float | None = None
    ) -> Comparison | str:
        """Compare two contenders in a measure, or say why they cannot be."""
        chosen = self.table[wanted]
        one, other = self.contender(first), self.contender(second)
        if chosen.relative:
            empty = [name for name in (first, second) if not self.learned(name)]
            if empty:
                return (
                    f"{' and '.join(empty)} learned nothing that could be kept: no better than "
                    "the mean label map"
                )
        taken = self._on_photos if chosen.photos else _on_runs
        found = taken(one, other, chosen)
        if found is None:
            return f"not measured here; set {chosen.needs}" if chosen.needs else "not measured here"
        if not math.isfinite(found.value):
            return "it has no value here: what it is about occurs in no test image"
        return Comparison(first, second, chosen, found, chosen.margin if margin is None else margin)

    def images(self, name: str) -> Fractions:
        """Return each test image's IoU, the mean over a contender's finals, (N,)."""
        finals = self.contender(name).finals
        scores = [per_image_iou(final.tested.counts, self.classes) for final in finals]
        found: Fractions = np.mean(scores, axis=0)
        return found

    @property
    def photos(self) -> tuple[str, ...]:
        """The photograph of each test image."""
        return self.contenders[0].finals[0].records.photos

    def _on_photos(self, one: Contender, other: Contender, chosen: Measure) -> Estimate | None:
        first, second = self._measured(one, chosen), self._measured(other, chosen)
        if first is None or second is None:
            return None
        return difference(first, second)

    def _measured(self, contender: Contender, chosen: Measure) -> Measured | None:
        key = (contender.name, chosen.name)
        if key not in self._kept:
            self._kept[key] = self._take(contender, chosen)
        return self._kept[key]

    def _take(self, contender: Contender, chosen: Measure) -> Measured | None:
        taken = chosen.photos(contender.finals, self.classes) if chosen.photos else None
        if taken is None:
            return None
        resampling = Resampling(tuple(map(photo_of, taken.ids)), self.resamples)
        return measure(taken.tallies, taken.score, resampling)


def _on_runs(one: Contender, other: Contender, chosen: Measure) -> Estimate | None:
    if chosen.run is None:
        return None
    first, second = ([chosen.run(final) for final in each.finals] for each in (one, other))
    if not all(math.isfinite(value) and value > 0 for value in (*first, *second)):
        return None
    return run_measures.log_ratio(first, second, exact=chosen.exact)
