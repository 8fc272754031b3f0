"""The comparison table: one row an architecture, means over its finals, no holes.

A column `<score>` is the mean over seeds, `<score>_sd` the standard deviation over seeds (empty
with one seed), and `iou_low`, `iou_high` the 95 % bootstrap interval over the test photographs.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from faceseg.errors import UserError
from faceseg.statistics import (
    ResampledScore,
    Resampling,
    estimate,
    mean_iou,
    overlap_counts,
    resample_score,
)
from pipelines.compare.study_data.collection import recompute_scores
from pipelines.compare.study_data.corruption_reference import CorruptionReference
from pipelines.compare.study_data.study_results import ComparedModel, FinalRun, StudyResults

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
    record: StudyResults, resamples: int = RESAMPLES, reference: CorruptionReference | None = None
) -> pd.DataFrame:
    """Return the table, best test IoU first. Raises UserError naming a missing cell.

    reference: what corruption errors are relative to, in the column `corruption_error`.
    """
    require_complete(record, _metrics(record), TUNED)
    if "corruption" not in other_suites(record):
        reference = None
    rows = [
        _row(record, contender, resamples) | _corruption_error_cells(contender, reference)
        for contender in record.models
    ]
    return pd.DataFrame(rows).sort_values("iou", ascending=False, ignore_index=True)


def occlusion_kinds(record: StudyResults) -> list[str]:
    """Return the kinds of occlusion that the finals were put through, in order."""
    rows = record.models[0].finals[0].rows["occlusion"]
    return [str(kind) for kind in rows.kind.unique() if kind != "clean"]


def other_suites(record: StudyResults) -> list[str]:
    """Return the suites beside occlusion that every final was put through."""
    finals = [final for each in record.models for final in each.finals]
    return [
        suite for suite in ("corruption", "geometry") if all(suite in each.rows for each in finals)
    ]


def column_of(setting: str) -> str:
    """Return the table's column of a setting."""
    return setting.replace(".", "_")


def _metrics(record: StudyResults) -> tuple[str, ...]:
    """Return every metric that each final must have."""
    return (
        *(f"test/{name}" for name in (*SCORES, *LEGACY)),
        *(f"test/iou/{name}" for name in record.classes.names[1:]),
        *(f"occlusion/{kind}/retention" for kind in occlusion_kinds(record)),
        "occlusion/retention",
        "occlusion/mean_iou",
        *(f"{suite}/mean_iou" for suite in other_suites(record)),
        *MEASURES,
        "seconds/training",
        "epochs",
    )


def _row(record: StudyResults, contender: ComparedModel, resamples: int) -> dict[str, object]:
    finals = contender.finals
    row: dict[str, object] = {"architecture": contender.name, "finals": len(finals)}
    row |= {column_of(setting): float(finals[0].params.get(setting, math.nan)) for setting in TUNED}
    for name in SCORES:
        row |= _seed_cells(name, finals, f"test/{name}")
    row["iou_low"], row["iou_high"] = _iou_interval(finals, resamples)
    for name in record.classes.names[1:]:
        row |= _seed_cells(f"iou/{name}", finals, f"test/iou/{name}")
    for kind in occlusion_kinds(record):
        row |= _seed_cells(f"retention/{kind}", finals, f"occlusion/{kind}/retention")
    row |= _seed_cells("retention", finals, "occlusion/retention")
    row |= _seed_cells("occluded_iou", finals, "occlusion/mean_iou")
    for suite in other_suites(record):
        row |= _seed_cells(f"{suite}_retention", finals, f"{suite}/retention")
        row |= _seed_cells(f"{suite}_iou", finals, f"{suite}/mean_iou")
    for name in MEASURES:
        row |= _seed_cells(name.replace("/", "_"), finals, name)
    row |= _seed_cells("train_seconds", finals, "seconds/training")
    row |= _seed_cells("train_epochs", finals, "epochs")
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


def _corruption_error_cells(
    contender: ComparedModel, reference: CorruptionReference | None
) -> dict[str, object]:
    """Return the cells of the mean corruption error; none without a reference."""
    if reference is None:
        return {}
    errors = [reference.mean_error(final) for final in contender.finals]
    return {**_cells("corruption_error", errors), "corruption_reference": reference.name}


def measure_iou(finals: tuple[FinalRun, ...], resamples: int) -> ResampledScore:
    """Return the foreground IoU of each final, and of its test photographs drawn anew."""
    tallies = overlap_counts(np.stack([final.tested.counts for final in finals]))
    return resample_score(tallies, mean_iou, Resampling(finals[0].records.photos, resamples))


def _iou_interval(finals: tuple[FinalRun, ...], resamples: int) -> tuple[float, float]:
    """Return the interval of these finals' mean IoU over photographs, training noise apart."""
    found = estimate(measure_iou(finals, resamples))
    return float(np.clip(found.fixed_low, 0, 1)), float(np.clip(found.fixed_high, 0, 1))


def _mean(finals: tuple[FinalRun, ...], metric: str) -> float:
    return float(np.mean([metric_or_nan(final, metric) for final in finals]))


def _seed_cells(name: str, finals: tuple[FinalRun, ...], metric: str) -> dict[str, object]:
    """Return the mean and the standard deviation over seeds, as two cells."""
    return _cells(name, [metric_or_nan(final, metric) for final in finals])


def _cells(name: str, values: Sequence[float]) -> dict[str, object]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {name: float(np.mean(values)), f"{name}_sd": deviation}


# --- What a comparison cannot do without, and the scores that truly have no value.
#
# A metric that is not in MLflow is an error, unless the final's own records say that it is a
# ratio of nothing to nothing: a class that no test image shows, a precision where nothing was
# predicted, a retention where there was nothing to retain. An ensemble is not trained: it has no
# settings, no curves and no time of training.

HISTORY_COLUMNS = ("epoch", "train/loss", "val/loss", "val/iou")
TRAINING_METRICS = ("seconds/training", "epochs")


def require_complete(
    record: StudyResults, metrics: tuple[str, ...], params: tuple[str, ...]
) -> None:
    """Raise UserError naming every cell that a final lacks, the run and the architecture."""
    for contender in record.models:
        wanted = [name for name in metrics if contender.is_trained or name not in TRAINING_METRICS]
        for final in contender.finals:
            again = recompute_scores(final, record.classes)
            missing = [
                name
                for name in wanted
                if math.isnan(metric_or_nan(final, name)) and not math.isnan(again.get(name, 0.0))
            ]
            if contender.is_trained:
                missing += [name for name in params if name not in final.params]
                missing += [
                    f"the curve {name}"
                    for name in HISTORY_COLUMNS
                    if name not in final.history.columns
                ]
            if missing:
                raise UserError(
                    f"the comparison of {record.study} lacks {', '.join(missing)} of "
                    f"{contender.name} (run {final.run_id}); run the study again"
                )


def metric_or_nan(final: FinalRun, metric: str) -> float:
    """Return a metric; NaN where it has no value."""
    return final.metrics.get(metric, math.nan)
