"""What a run logs and stores: scores, tables and summaries of suites, image panels, phases.

Jobs write these; the comparison reads them and computes the scores again. Nothing here depends on
a network or an MLflow run.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from faceseg.data.array_files import UNREADABLE, read_arrays
from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.split import Split, photo_of
from faceseg.evaluation.batched_logits import DRAWING, PREDICTING
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.inference.predictor import Predictor
from faceseg.metrics import legacy
from faceseg.metrics.confusion_matrix import per_image_iou
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import AGREEMENT, SUITES
from faceseg.robustness.summary import consistency, summarise
from faceseg.robustness.tables import curves, score_table
from faceseg.training.stopwatch import (
    CHECKPOINTS,
    COMPILING,
    INPUT,
    OTHER,
    STEPS,
    TEACHER,
    VALIDATION,
)

Tables = dict[str, pd.DataFrame]  # by the suite's name


def test_scores(tested: SplitEvaluation, classes: ClassSet) -> dict[str, float]:
    """Return every `test/…` metric of the unchanged images."""
    counts = tested.counts.sum(axis=0)
    values = {f"test/{name}": value for name, value in tested.scores(classes).items()}
    return values | {
        "test/images": len(tested.ids),
        "test/legacy_iou": legacy.legacy_iou(counts),
        "test/legacy_dice": legacy.legacy_dice(counts),
        "test/legacy_precision": legacy.legacy_precision(counts),
        "test/legacy_recall": legacy.legacy_recall(counts),
    }


def suite_tables(conditions: Sequence[Condition], classes: ClassSet) -> Tables:
    """Return the table of each suite that was run."""
    found: Tables = {}
    for name, suite in SUITES.items():
        of_suite = [condition for condition in conditions if condition.suite == suite.version]
        if of_suite:
            found[name] = score_table(of_suite, classes)
    return found


def suite_summaries(tables: Tables, blind: float) -> dict[str, float]:
    """Reduce the tables to single numbers, under each suite's headline policy.

    Args:
        tables: The table of each suite that was run.
        blind: IoU of the baseline, which does not depend on the image (see `EvaluationRecords`).
            Relative numbers are NaN for a model that is no better.

    Returns:
        `<suite>/retention`: the share of the clean IoU that is kept (1: no loss), and
        `<suite>/mean_iou`: the IoU itself, both means over severities and kinds;
        `<suite>/<kind>/retention` for each kind. For occlusion, a mean over severities is the area
        from 0 to 0.5 of the face, divided by that length. `geometry/<kind>/consistency`: how well
        predictions follow the transformed image.
    """
    found: dict[str, float] = {}
    for name, table in tables.items():
        suite = SUITES[name]
        by_kind, clean = curves(table, suite.policies[0])
        summary = summarise(by_kind, clean, by_share=suite.by_share, blind=blind)
        found[f"{name}/retention"] = summary.mean_retention
        found[f"{name}/mean_iou"] = summary.mean_iou
        found |= {f"{name}/{kind}/retention": kept for kind, kept in summary.retention.items()}
        if AGREEMENT in suite.policies:
            agreement, _ = curves(table, AGREEMENT)
            found |= {
                f"{name}/{kind}/consistency": share
                for kind, share in consistency(agreement, clean, blind).items()
            }
    return found


# --- Test images with truth and prediction, stored with a final for the comparison's page.
#
# Some are the same for every network, for comparison; some are those of this network's lowest IoU.

PANEL_IMAGES = 6
WORST_IMAGES = 3
PANEL_SIDE = 192  # pixels of an image's longer side in the panel, unless it is smaller


@dataclass(frozen=True, kw_only=True)
class ImagePanel:
    """Images (H, W, 3), truths (H, W) and predictions (H, W), by id.

    `ids` are the same for every network; `worst` are this network's, the lowest IoU first.
    """

    ids: tuple[str, ...]
    images: dict[str, NDArray[np.uint8]]
    truths: dict[str, NDArray[np.uint8]]
    predictions: dict[str, NDArray[np.uint8]]
    worst: tuple[str, ...] = ()


def panel_indices(count: int) -> list[int]:
    """Return the indices of the panel's images, spread evenly over `count` images."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(PANEL_IMAGES, count))})


def worst_indices(tested: SplitEvaluation, classes: ClassSet) -> list[int]:
    """Return the indices of the images of lowest IoU, lowest first, at most one per photograph.

    Images whose truth is all background have no IoU and are left out.
    """
    scores = per_image_iou(tested.counts, classes)
    indices: dict[str, int] = {}
    for index in np.argsort(scores, kind="stable").tolist():
        if np.isfinite(scores[index]):
            indices.setdefault(photo_of(tested.ids[index]), index)
    return list(indices.values())[:WORST_IMAGES]


def write_panel(
    path: Path, predictor: Predictor, split: Split, tested: SplitEvaluation | None = None
) -> None:
    """Store images, truths and predictions, shrunk to `PANEL_SIDE`, in one npz file.

    Args:
        path: The file.
        predictor: Predicts the images.
        split: The images and their truths.
        tested: The predictor's evaluation on this split; without it, the panel has no worst images.
    """
    shown = panel_indices(len(split))
    worst = worst_indices(tested, predictor.classes) if tested else []
    arrays: dict[str, NDArray[np.uint8]] = {}
    for index in sorted({*shown, *worst}):
        image, truth = split.original(index)
        size = _panel_size(image.shape[:2])
        name = split.ids[index]
        arrays[f"image/{name}"] = resize_image(image, size)
        arrays[f"truth/{name}"] = resize_labels(truth, size)
        arrays[f"prediction/{name}"] = resize_labels(predictor.predict(image), size)
    names = {
        key: np.array([split.ids[index] for index in indices], dtype=np.str_)
        for key, indices in (("ids", shown), ("worst", worst))
    }
    np.savez_compressed(path, allow_pickle=False, **names, **arrays)


def read_panel(path: Path) -> ImagePanel:
    """Read a file that `write_panel` wrote.

    Raises:
        ValueError: The file is another one, or it is damaged.
    """
    try:
        stored = read_arrays(path)
        ids, worst = (tuple(str(name) for name in stored.get(key, ())) for key in ("ids", "worst"))
        names = dict.fromkeys((*ids, *worst))
        return ImagePanel(
            ids=ids,
            images={name: stored[f"image/{name}"] for name in names},
            truths={name: stored[f"truth/{name}"] for name in names},
            predictions={name: stored[f"prediction/{name}"] for name in names},
            worst=worst,
        )
    except (*UNREADABLE, TypeError) as error:
        raise ValueError(f"{path} is not a panel of images: {error}") from error


def _panel_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    scale = min(1.0, PANEL_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


# --- The phases of a worker's time, logged as `seconds/<phase>`.
#
# A run has its worker's seconds since the run before it, so the time between two jobs is included.
# The time after a worker's last job is a tag of the study's run, one for each worker: MLflow would
# draw metrics that have no order as curves.

ROBUSTNESS_PHASE, TESTING_PHASE, MEASURING_PHASE = "robustness", "testing", "measuring"
ARTIFACTS_PHASE, LOGGING_PHASE = "artifacts", "logging"
START_PHASE, IMPORTS_PHASE, WAITING_PHASE = "start", "imports", "waiting"

# Runs of earlier versions have all of their suites' time in `ROBUSTNESS_PHASE`.
SUITE_PHASES = (DRAWING, PREDICTING, ROBUSTNESS_PHASE)

WORKER_TIME_TAG = "seconds."  # and the worker's name
WORKER_JOB_METRIC = "worker/job"  # the number of the run among its worker's jobs, from 1

PHASE_LABELS = {
    STEPS: "optimiser steps",
    INPUT: "waiting for input",
    TEACHER: "predictions of a judged teacher",
    COMPILING: "tracing and compiling",
    VALIDATION: "validation",
    CHECKPOINTS: "checkpoints",
    LOGGING_PHASE: "logging and reporting",
    DRAWING: "suites: waiting for drawn images",
    PREDICTING: "suites: predicting",
    ROBUSTNESS_PHASE: "suites: the rest",
    TESTING_PHASE: "the test",
    MEASURING_PHASE: "measuring latency and memory",
    ARTIFACTS_PHASE: "figures, files, registration",
    START_PHASE: "start of the process",
    IMPORTS_PHASE: "imports",
    WAITING_PHASE: "waiting for a job",
    OTHER: "other",
}


def phase_metrics(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return seconds by phase as metrics."""
    return {f"seconds/{phase}": value for phase, value in seconds.items()}


def phase_seconds(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds by phase among a run's metrics; none if they were not measured."""
    found = {phase: metrics.get(f"seconds/{phase}") for phase in PHASE_LABELS}
    return {phase: value for phase, value in found.items() if value is not None}


def worker_time_tags(worker: str, seconds: Mapping[str, float]) -> dict[str, str]:
    """Return the tag that stores a worker's seconds by phase after its last job."""
    return {f"{WORKER_TIME_TAG}{worker}": json.dumps(phase_metrics(seconds))}


def read_worker_time_tags(tags: Mapping[str, str]) -> list[dict[str, float]]:
    """Return the seconds by phase of each worker among the tags of a study's run."""
    return [
        phase_seconds(json.loads(text))
        for name, text in tags.items()
        if name.startswith(f"faceseg.{WORKER_TIME_TAG}")
    ]
