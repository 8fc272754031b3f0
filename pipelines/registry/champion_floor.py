"""The test IoU that a champion needs at least: more than that of a map that ignores the image."""

from dataclasses import dataclass

from faceseg.data.classes import ClassSet
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from faceseg.metrics.confusion_matrix import scores
from pipelines.config.sections import Gate


@dataclass(frozen=True)
class ChampionFloor:
    """A version's test IoU, the mean label map's, and the least difference of the two."""

    iou: float
    baseline: float
    margin: float

    @property
    def bound(self) -> float:
        """The least test IoU of a champion."""
        return self.baseline + self.margin

    @property
    def ok(self) -> bool:
        """Whether the version may be a champion; an undefined IoU may not."""
        return self.iou >= self.bound

    @property
    def rule(self) -> str:
        """The bound in words."""
        return (
            f"at least {self.bound:.3f} (that of the mean label map, {self.baseline:.3f}, and "
            f"gate.above_baseline, {self.margin:g})"
        )


def champion_floor(records: EvaluationRecords, classes: ClassSet, gate: Gate) -> ChampionFloor:
    """Return the floor for a version.

    Args:
        records: The evaluation records of its test.
        classes: The class set.
        gate: Its `above_baseline` is the margin.

    Raises:
        UserError: The version was not tested.
    """
    if records.tested is None:
        raise UserError("only a final, which is tested, can be a champion; this is a trial")
    iou = scores(records.tested.counts.sum(axis=0), classes)["iou"]
    return ChampionFloor(iou, records.baseline_iou, gate.above_baseline)
