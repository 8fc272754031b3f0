"""The comparison table: one row an architecture, means over its finals, no holes.

A column `<score>` is the mean over seeds, `<score>_sd` the standard deviation over seeds (empty
with one seed), and `iou_low`, `iou_high` the 95 % bootstrap interval over test images.
"""

import math

import numpy as np
import pandas as pd

from faceseg.statistics import bootstrap_mean_iou, interval
from pipelines.compare.collect import Contender, Final, Record
from pipelines.compare.gaps import refuse_gaps, value

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
    refuse_gaps(record, _metrics(record), TUNED)
    rows = [_row(record, contender) for contender in record.contenders]
    return pd.DataFrame(rows).sort_values("iou", ascending=False, ignore_index=True)


def kinds(record: Record) -> list[str]:
    """Return the kinds of occlusion that the finals were put through, in order."""
    rows = record.contenders[0].finals[0].occlusion
    return [str(kind) for kind in rows.kind.unique() if kind != "clean"]


def column(setting: str) -> str:
    """Return the table's column of a setting."""
    return setting.replace(".", "_")


def _metrics(record: Record) -> tuple[str, ...]:
    """Return every metric that each final must have."""
    return (
        *(f"test/{name}" for name in (*SCORES, *LEGACY)),
        *(f"test/iou/{name}" for name in record.classes.names[1:]),
        *(f"occlusion/{kind}/retention" for kind in kinds(record)),
        "occlusion/retention",
        "occlusion/mean_iou",
        *MEASURES,
        "seconds/training",
        "epochs",
    )


def _row(record: Record, contender: Contender) -> dict[str, object]:
    finals = contender.finals
    row: dict[str, object] = {"architecture": contender.name, "finals": len(finals)}
    row |= {column(setting): float(finals[0].params[setting]) for setting in TUNED}
    for name in SCORES:
        row |= _over_seeds(name, finals, f"test/{name}")
    draws = [bootstrap_mean_iou(final.test_counts) for final in finals]
    row["iou_low"], row["iou_high"] = interval(np.mean(draws, axis=0))
    for name in record.classes.names[1:]:
        row |= _over_seeds(f"iou/{name}", finals, f"test/iou/{name}")
    for kind in kinds(record):
        row |= _over_seeds(f"retention/{kind}", finals, f"occlusion/{kind}/retention")
    row |= _over_seeds("retention", finals, "occlusion/retention")
    row |= _over_seeds("occluded_iou", finals, "occlusion/mean_iou")
    row |= {name.replace("/", "_"): _mean(finals, name) for name in MEASURES}
    row["train_seconds"] = _mean(finals, "seconds/training")
    row["train_epochs"] = _mean(finals, "epochs")
    row["trials"] = sum(contender.states.values())
    row["trials_pruned"] = contender.states["pruned"]
    row["trials_failed"] = contender.states["failed"]
    row["search_seconds"] = contender.trial_seconds
    row["search_epochs"] = contender.trial_epochs
    row |= {name: _mean(finals, f"test/{name}") for name in LEGACY}
    row["test_images"] = len(finals[0].test_ids)
    row["data"] = record.manifest.fingerprint
    row["commit"] = record.commit
    return row


def _mean(finals: tuple[Final, ...], metric: str) -> float:
    return float(np.mean([value(final, metric) for final in finals]))


def _over_seeds(name: str, finals: tuple[Final, ...], metric: str) -> dict[str, object]:
    """Return the mean and the standard deviation over seeds, as two cells."""
    values = [value(final, metric) for final in finals]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {name: float(np.mean(values)), f"{name}_sd": deviation}
