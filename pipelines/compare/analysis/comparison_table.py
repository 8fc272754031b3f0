"""The comparison table: one row per model, with means over its final runs and no missing cells.

A column `<score>` contains the mean over seeds and `<score>_sd` the standard deviation over
seeds (empty with one seed). `iou_low` and `iou_high` are the 95 % bootstrap interval of the IoU
over the test photographs.
"""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from faceseg.errors import UserError
from faceseg.robustness.suites import CLEAN
from faceseg.statistics import (
    ResampledScore,
    Resampling,
    estimate,
    mean_iou,
    overlap_counts,
    resample_score,
)
from pipelines.compare.analysis.spending import spent_cells
from pipelines.compare.study_data.collection import recompute_scores
from pipelines.compare.study_data.corruption_reference import CorruptionReference
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy, FinalRun
from pipelines.job.machine_load import LOAD_METRIC

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
JAWLINE = "test/jawline_distance"  # of class sets with ears
RESAMPLES = 10_000
LEGACY = ("legacy_iou", "legacy_dice", "legacy_precision", "legacy_recall")


def build_table(
    study: ComparedStudy, resamples: int = RESAMPLES, reference: CorruptionReference | None = None
) -> pd.DataFrame:
    """Build the comparison table.

    Args:
        study: The study to compare.
        resamples: The number of bootstrap resamples behind `iou_low` and `iou_high`.
        reference: The model that corruption errors are divided by, for the column
            `corruption_error`; without it, or without corruption, there is no such column.

    Returns:
        One row per model, highest test IoU first.

    Raises:
        UserError: A cell is missing; the message names it, its model and its run.
    """
    require_complete(study, _metrics(study), TUNED)
    if "corruption" not in other_suites(study):
        reference = None
    rows = [
        _row(study, model, resamples) | _corruption_error_cells(model, reference)
        for model in study.models
    ]
    return pd.DataFrame(rows).sort_values("iou", ascending=False, ignore_index=True)


def occlusion_kinds(study: ComparedStudy) -> list[str]:
    """Return the kinds of occlusion that the final runs were tested under, in order."""
    rows = study.models[0].finals[0].rows["occlusion"]
    return [str(kind) for kind in rows.kind.unique() if kind != CLEAN]


def other_suites(study: ComparedStudy) -> list[str]:
    """Return the suites other than occlusion that every final run was tested under."""
    finals = [final for model in study.models for final in model.finals]
    return [
        suite for suite in ("corruption", "geometry") if all(suite in each.rows for each in finals)
    ]


def column_of(setting: str) -> str:
    """Return the table's column for a setting."""
    return setting.replace(".", "_")


def _metrics(study: ComparedStudy) -> tuple[str, ...]:
    """Return every metric that each final run must have."""
    return (
        *(f"test/{name}" for name in (*SCORES, *LEGACY)),
        *(f"test/iou/{name}" for name in study.classes.names[1:]),
        *(f"occlusion/{kind}/retention" for kind in occlusion_kinds(study)),
        "occlusion/retention",
        "occlusion/mean_iou",
        *(f"{suite}/mean_iou" for suite in other_suites(study)),
        *MEASURES,
        "seconds/training",
        "epochs",
    )


def _row(study: ComparedStudy, model: ComparedModel, resamples: int) -> dict[str, object]:
    finals = model.finals
    row: dict[str, object] = {"architecture": model.name, "finals": len(finals)}
    row |= {column_of(setting): float(finals[0].params.get(setting, math.nan)) for setting in TUNED}
    for name in SCORES:
        row |= _seed_cells(name, finals, f"test/{name}")
    if any(math.isfinite(final.metric(JAWLINE)) for final in finals):
        row |= _seed_cells("jawline_distance", finals, JAWLINE)
    row["iou_low"], row["iou_high"] = _iou_interval(finals, resamples)
    for name in study.classes.names[1:]:
        row |= _seed_cells(f"iou/{name}", finals, f"test/iou/{name}")
    for kind in occlusion_kinds(study):
        row |= _seed_cells(f"retention/{kind}", finals, f"occlusion/{kind}/retention")
    row |= _seed_cells("retention", finals, "occlusion/retention")
    row |= _seed_cells("occluded_iou", finals, "occlusion/mean_iou")
    for suite in other_suites(study):
        row |= _seed_cells(f"{suite}_retention", finals, f"{suite}/retention")
        row |= _seed_cells(f"{suite}_iou", finals, f"{suite}/mean_iou")
    for name in (*MEASURES, LOAD_METRIC, *study.gpu_metrics):
        row |= _seed_cells(name.replace("/", "_"), finals, name)
    row |= _seed_cells("train_seconds", finals, "seconds/training")
    row |= _seed_cells("train_epochs", finals, "epochs")
    row["trials"] = sum(model.states.values())
    row["trials_pruned"] = model.states["pruned"]
    row["trials_failed"] = model.states["failed"]
    row["search_seconds"] = model.trial_seconds
    row["search_epochs"] = model.trial_epochs
    row |= spent_cells(study, model.name)
    row |= {name: _mean(finals, f"test/{name}") for name in LEGACY}
    row["test_images"] = len(finals[0].tested.ids)
    row["data"] = study.manifest.fingerprint
    row["commit"] = study.commit
    return row


def _corruption_error_cells(
    model: ComparedModel, reference: CorruptionReference | None
) -> dict[str, object]:
    """Return the cells of the mean corruption error; none without a reference."""
    if reference is None:
        return {}
    errors = [reference.mean_error(final) for final in model.finals]
    return {**_cells("corruption_error", errors), "corruption_reference": reference.name}


def measure_iou(finals: tuple[FinalRun, ...], resamples: int) -> ResampledScore:
    """Return the foreground IoU of each final run, on its test images and on resamples of them."""
    overlaps = overlap_counts(np.stack([final.tested.counts for final in finals]))
    return resample_score(overlaps, mean_iou, Resampling(finals[0].records.photos, resamples))


def _iou_interval(finals: tuple[FinalRun, ...], resamples: int) -> tuple[float, float]:
    """Return the interval of the mean IoU over photographs; it leaves out training noise."""
    iou = estimate(measure_iou(finals, resamples))
    return float(np.clip(iou.fixed_low, 0, 1)), float(np.clip(iou.fixed_high, 0, 1))


def _mean(finals: tuple[FinalRun, ...], metric: str) -> float:
    return float(np.mean([final.metric(metric) for final in finals]))


def _seed_cells(name: str, finals: tuple[FinalRun, ...], metric: str) -> dict[str, object]:
    """Return the mean and the standard deviation over seeds, as two cells."""
    return _cells(name, [final.metric(metric) for final in finals])


def _cells(name: str, values: Sequence[float]) -> dict[str, object]:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {name: float(np.mean(values)), f"{name}_sd": deviation}


# --- Required values.
#
# A metric that is missing in MLflow is an error, unless it is undefined according to the run's
# own records: the IoU of a class that no test image shows, a precision where nothing was
# predicted, a retention where the clean score is 0. The ensemble is not trained, so it has no
# settings, no learning curves and no training time.

HISTORY_COLUMNS = ("epoch", "train/loss", "val/loss", "val/iou")
TRAINING_METRICS = ("seconds/training", "epochs")
NETWORK_METRICS = ("model/parameters", "model/macs")  # not known of a network in a judged file


def require_complete(
    study: ComparedStudy, metrics: tuple[str, ...], params: tuple[str, ...]
) -> None:
    """Check that every final run has all values that the comparison needs.

    Args:
        study: The study to check.
        metrics: The metrics that each final run must have, unless they are undefined.
        params: The parameters that each trained final run must have.

    Raises:
        UserError: A value is missing; the message names all missing values of one run.
    """
    for model in study.models:
        for final in model.finals:
            missing = _missing_values(study, model, final, metrics)
            if model.is_trained:
                missing += [name for name in params if name not in final.params]
                curves = [name for name in HISTORY_COLUMNS if name not in final.history.columns]
                missing += [f"the curve {name}" for name in curves]
            if missing:
                raise UserError(
                    f"the comparison of {study.name} lacks {', '.join(missing)} of "
                    f"{model.name} (run {final.run_id}); run the study again"
                )


def _missing_values(
    study: ComparedStudy, model: ComparedModel, final: FinalRun, metrics: tuple[str, ...]
) -> list[str]:
    """Return the metrics that have no value although the run's records do not make them NaN."""
    recomputed = recompute_scores(final, study.classes)
    unknown = {
        *(() if model.is_trained else TRAINING_METRICS),
        *(NETWORK_METRICS if model.is_judged else ()),
    }
    return [
        name
        for name in metrics
        if name not in unknown
        and math.isnan(final.metric(name))
        and not math.isnan(recomputed.get(name, 0.0))
    ]
