"""The comparison table: one row an architecture, means over its finals, no holes.

A column `<score>` is the mean over seeds, `<score>_sd` the standard deviation over seeds (empty
with one seed), and `iou_low`, `iou_high` the 95 % bootstrap interval over the test photographs.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from faceseg.statistics import Measured, Resampling, estimate, mean_iou, measure, overlaps
from pipelines.compare.collect import Contender, Final, Record
from pipelines.compare.gaps import refuse_gaps, value
from pipelines.compare.reference import Reference

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
RESAMPLES = 10_000
LEGACY = ("legacy_iou", "legacy_dice", "legacy_precision", "legacy_recall")


def build_table(
    record: Record, resamples: int = RESAMPLES, reference: Reference | None = None
) -> pd.DataFrame:
    """Return the table, best test IoU first. Raises UserError naming a missing cell.

    reference: what corruption errors are relative to, in the column `corruption_error`.
    """
    refuse_gaps(record, _metrics(record), TUNED)
    if "corruption" not in other_suites(record):
        reference = None
    rows = [
        _row(record, contender, resamples) | _relative(contender, reference)
        for contender in record.contenders
    ]
    return pd.DataFrame(rows).sort_values("iou", ascending=False, ignore_index=True)


def kinds(record: Record) -> list[str]:
    """Return the kinds of occlusion that the finals were put through, in order."""
    rows = record.contenders[0].finals[0].rows["occlusion"]
    return [str(kind) for kind in rows.kind.unique() if kind != "clean"]


def other_suites(record: Record) -> list[str]:
    """Return the suites beside occlusion that every final was put through."""
    finals = [final for each in record.contenders for final in each.finals]
    return [
        suite for suite in ("corruption", "geometry") if all(suite in each.rows for each in finals)
    ]


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
        *(f"{suite}/mean_iou" for suite in other_suites(record)),
        *MEASURES,
        "seconds/training",
        "epochs",
    )


def _row(record: Record, contender: Contender, resamples: int) -> dict[str, object]:
    finals = contender.finals
    row: dict[str, object] = {"architecture": contender.name, "finals": len(finals)}
    row |= {column(setting): float(finals[0].params.get(setting, math.nan)) for setting in TUNED}
    for name in SCORES:
        row |= _over_seeds(name, finals, f"test/{name}")
    row["iou_low"], row["iou_high"] = _iou_interval(finals, resamples)
    for name in record.classes.names[1:]:
        row |= _over_seeds(f"iou/{name}", finals, f"test/iou/{name}")
    for kind in kinds(record):
        row |= _over_seeds(f"retention/{kind}", finals, f"occlusion/{kind}/retention")
    row |= _over_seeds("retention", finals, "occlusion/retention")
    row |= _over_seeds("occluded_iou", finals, "occlusion/mean_iou")
    for suite in other_suites(record):
        row |= _over_seeds(f"{suite}_retention", finals, f"{suite}/retention")
        row |= _over_seeds(f"{suite}_iou", finals, f"{suite}/mean_iou")
    for name in MEASURES:
        row |= _over_seeds(name.replace("/", "_"), finals, name)
    row |= _over_seeds("train_seconds", finals, "seconds/training")
    row |= _over_seeds("train_epochs", finals, "epochs")
    row["trials"] = sum(contender.states.values())
    row["trials_pruned"] = contender.states["pruned"]
    row["trials_failed"] = contender.states["failed"]
    row["search_seconds"] = contender.trial_seconds
    row["search_epochs"] = contender.trial_epochs
    row |= {name: _mean(finals, f"test/{name}") for name in LEGACY}
    row["test_images"] = len(finals[0].tested.ids)
    row["data"] = record.manifest.fingerprint
    row["commit"] = record.commit
    return row


def _relative(contender: Contender, reference: Reference | None) -> dict[str, object]:
    """Return the cells of the mean corruption error; none without a reference."""
    if reference is None:
        return {}
    errors = [reference.mean_error(final) for final in contender.finals]
    return {**_cells("corruption_error", errors), "corruption_reference": reference.name}


def measured_iou(finals: tuple[Final, ...], resamples: int) -> Measured:
    """Return the foreground IoU of each final, and of its test photographs drawn anew."""
    tallies = overlaps(np.stack([final.tested.counts for final in finals]))
    return measure(tallies, mean_iou, Resampling(finals[0].records.photos, resamples))


def _iou_interval(finals: tuple[Final, ...], resamples: int) -> tuple[float, float]:
    """Return the interval of these finals' mean IoU over photographs, training noise apart."""
    found = estimate(measured_iou(finals, resamples))
    return float(np.clip(found.fixed_low, 0, 1)), float(np.clip(found.fixed_high, 0, 1))


def _mean(finals: tuple[Final, ...], metric: str) -> float:
    return float(np.mean([value(final, metric) for final in finals]))


def _over_seeds(name: str, finals: tuple[Final, ...], metric: str) -> dict[str, object]:
    """Return the mean and the standard deviation over seeds, as two cells."""
    return _cells(name, [value(final, metric) for final in finals])


def _cells(name: str, values: Sequence[float]) -> dict[str, object]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {name: float(np.mean(values)), f"{name}_sd": deviation}
