"""The comparison table: one row an architecture, means over its finals, no holes.

A column `<score>` is the mean over seeds, `<score>_sd` the standard deviation over seeds (empty
with one seed), and `iou_low`, `iou_high` the 95 % bootstrap interval over test images.
"""

import math

import numpy as np
import pandas as pd

from faceseg.errors import UserError
from faceseg.statistics import bootstrap_mean_iou, interval
from pipelines.compare.collect import Contender, Final, Record

TUNED = (
    "learning_rate",
    "batch_size",
    "weight_decay",
    "dice_weight",
    "cross_entropy_weight",
    "encoder_learning_rate_factor",
    "augmentation.strength",
    "epochs",
)
SCORES = (
    "iou",
    "dice",
    "precision",
    "recall",
    "iou_small",
    "boundary_iou",
    "iou_with_background",
    "pixel_accuracy",
    "iou_per_image",
    "iou_worst_tenth",
    "calibration_error",
    "calibration_error_foreground",
)
MEASURES = (
    "latency/p50_ms",
    "latency/p95_ms",
    "latency/threads",
    "memory/peak_mb",
    "model/parameters",
    "model/macs",
    "model/size_mb",
)
LEGACY = ("legacy_iou", "legacy_dice", "legacy_precision", "legacy_recall")


def build_table(record: Record) -> pd.DataFrame:
    """Return the table, best test IoU first. Raises UserError naming a missing cell."""
    rows = [_row(record, contender) for contender in record.contenders]
    table = pd.DataFrame(rows).sort_values("iou", ascending=False, ignore_index=True)
    for row in rows:
        if holes := [name for name, value in row.items() if _is_hole(name, value, record)]:
            raise UserError(
                f"the comparison of {record.study} lacks {', '.join(holes)} of "
                f"{row['architecture']}; run the study again"
            )
    return table


def _row(record: Record, contender: Contender) -> dict[str, object]:
    finals = contender.finals
    row: dict[str, object] = {"architecture": contender.name, "finals": len(finals)}
    for setting in TUNED:
        row[setting.replace("augmentation.strength", "augmentation_strength")] = float(
            finals[0].params[setting]
        )
    for score in SCORES:
        _put(row, score, _values(finals, f"test/{score}"))
    draws = [bootstrap_mean_iou(final.test_counts) for final in finals]
    row["iou_low"], row["iou_high"] = interval(np.mean(draws, axis=0))
    for name in record.classes.names[1:]:
        _put(row, f"iou/{name}", _values(finals, f"test/iou/{name}", may_lack=True))
    for kind in kinds(finals[0]):
        _put(row, f"retention/{kind}", _values(finals, f"occlusion/{kind}/retention"))
    _put(row, "retention", _values(finals, "occlusion/retention"))
    for measure in MEASURES:
        row[measure.replace("/", "_")] = float(np.mean(_values(finals, measure)))
    row["train_seconds"] = float(np.mean(_values(finals, "seconds/training")))
    row["train_epochs"] = float(np.mean(_values(finals, "epochs")))
    row["trials"] = sum(contender.states.values())
    row["trials_pruned"] = contender.states["pruned"]
    row["trials_failed"] = contender.states["failed"]
    row["search_seconds"] = contender.trial_seconds
    row["search_epochs"] = contender.trial_epochs
    for score in LEGACY:
        row[score] = float(np.mean(_values(finals, f"test/{score}")))
    row["test_images"] = len(finals[0].test_ids)
    row["data"] = record.manifest.fingerprint
    row["commit"] = record.commit
    return row


def kinds(final: Final) -> list[str]:
    """Return the kinds of occlusion that a final was put through, in order."""
    return [str(kind) for kind in final.occlusion.kind.unique() if kind != "clean"]


def _values(finals: tuple[Final, ...], metric: str, may_lack: bool = False) -> list[float]:
    """Return a metric of every final. A class that the test split lacks has no score."""
    missing = [final.run_id for final in finals if metric not in final.metrics]
    if missing and not may_lack:
        raise UserError(f"the final {missing[0]} has no {metric}; run the study again")
    return [final.metrics.get(metric, math.nan) for final in finals]


def _put(row: dict[str, object], name: str, values: list[float]) -> None:
    row[name] = float(np.mean(values))
    row[f"{name}_sd"] = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _is_hole(name: str, value: object, record: Record) -> bool:
    """Return whether a cell is empty that should not be.

    A spread needs two seeds, and a class that occurs in no test image has no IoU.
    """
    if name.endswith("_sd") or not isinstance(value, float) or not math.isnan(value):
        return False
    if name.startswith("iou/"):
        return record.manifest.splits["test"].class_shares[name.removeprefix("iou/")] > 0
    return True
