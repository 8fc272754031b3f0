"""What a comparison cannot do without, and the scores that truly have no value.

A metric that is not in MLflow is an error, unless the final's own records say that it is a
ratio of nothing to nothing: a class that no test image shows, a precision where nothing was
predicted, a retention where there was nothing to retain.
"""

import math

from faceseg.classes import ClassSet
from faceseg.errors import UserError
from pipelines.compare.collect import Final, Record

HISTORY = ("epoch", "train/loss", "val/loss", "val/iou")
NEEDS_PREDICTIONS = ("test/precision", "test/legacy_precision")


def refuse_gaps(record: Record, metrics: tuple[str, ...], params: tuple[str, ...]) -> None:
    """Raise UserError naming every cell that a final lacks, the run and the architecture."""
    for contender in record.contenders:
        for final in contender.finals:
            missing = [name for name in metrics if _is_gap(final, name, record.classes)]
            missing += [name for name in params if name not in final.params]
            missing += [
                f"the curve {name}" for name in HISTORY if name not in final.history.columns
            ]
            if missing:
                raise UserError(
                    f"the comparison of {record.study} lacks {', '.join(missing)} of "
                    f"{contender.name} (run {final.run_id}); run the study again"
                )


def value(final: Final, metric: str) -> float:
    """Return a metric; NaN where it has no value."""
    return final.metrics.get(metric, math.nan)


def _is_gap(final: Final, metric: str, classes: ClassSet) -> bool:
    return math.isnan(value(final, metric)) and not _is_undefined(final, metric, classes)


def _is_undefined(final: Final, metric: str, classes: ClassSet) -> bool:
    """Return whether the final's own records leave this metric without a value."""
    counts = final.test_counts.sum(axis=0)
    seen = counts.sum(axis=0) + counts.sum(axis=1)
    if metric.startswith("test/iou/"):
        return bool(seen[classes.names.index(metric.removeprefix("test/iou/"))] == 0)
    if metric == "test/iou_small":
        return bool(seen[list(classes.small)].sum() == 0)
    if metric in NEEDS_PREDICTIONS:
        return bool(counts[:, 1:].sum() == 0)
    if metric.startswith("occlusion/") and metric.endswith("retention"):
        return not clean_iou(final) > 0
    return False


def clean_iou(final: Final) -> float:
    """Return the IoU on the images that were later occluded, before they were."""
    rows = final.occlusion
    return float(rows[rows.kind == "clean"].iou.iloc[0])
