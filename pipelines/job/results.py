"""From records of single images to the numbers that are logged: tables, summaries, test scores.

Jobs log these, and the comparison computes them again: nothing here knows a network or a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_image, resize_labels
from faceseg.data.split import Split, photo_of
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.inference.predictor import Predictor
from faceseg.metrics import legacy
from faceseg.metrics.confusion_matrix import per_image_iou
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import AGREEMENT, SUITES
from faceseg.robustness.summary import consistency, summarise
from faceseg.robustness.tables import curves, score_table
from faceseg.training.stopwatch import CHECKPOINTS, COMPILING, INPUT, OTHER, STEPS, VALIDATION

Tables = dict[str, pd.DataFrame]  # by the suite's name


def test_scores(tested: SplitEvaluation, classes: ClassSet) -> dict[str, float]:
    """Return every `test/…` metric of the images as they are."""
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
        own = [condition for condition in conditions if condition.suite == suite.version]
        if own:
            found[name] = score_table(own, classes)
    return found


def suite_summaries(rows: Tables, blind: float) -> dict[str, float]:
    """Reduce the tables to single numbers, under each suite's headline policy.

    `<suite>/retention`: share of the clean IoU that is kept (1: nothing lost), `<suite>/mean_iou`
    the IoU itself, means over severities and kinds; `<suite>/<kind>/retention` by kind. Of
    occlusion a mean over severities is the area from 0 to 0.5 of the face, over its length.
    `geometry/<kind>/consistency`: how far predictions move with the picture. What is relative is
    NaN for a model that is no better than `blind` (see `Records`).
    """
    found: dict[str, float] = {}
    for name, each in rows.items():
        suite = SUITES[name]
        by_kind, clean = curves(each, suite.policies[0])
        summary = summarise(by_kind, clean, by_share=suite.by_share, blind=blind)
        found[f"{name}/retention"] = summary.mean_retention
        found[f"{name}/mean_iou"] = summary.mean_iou
        found |= {f"{name}/{kind}/retention": kept for kind, kept in summary.retention.items()}
        if AGREEMENT in suite.policies:
            agreement, _ = curves(each, AGREEMENT)
            found |= {
                f"{name}/{kind}/consistency": share
                for kind, share in consistency(agreement, clean, blind).items()
            }
    return found


# --- Test images with truth and prediction, kept with a final for the comparison's page.
#
# Some are the same for every network, to be compared; some are the network's own worst.

PANEL_IMAGES = 6
WORST_IMAGES = 3
PANEL_SIDE = 192  # pixels of a picture's longer side in the panel, unless it is smaller


@dataclass(frozen=True)
class ImagePanel:
    """`ids` are shown of every network, `worst` of this one, its lowest IoU first.

    By id the image (H, W, 3), its truth (H, W) and the prediction (H, W).
    """

    ids: tuple[str, ...]
    images: dict[str, NDArray[np.uint8]]
    truths: dict[str, NDArray[np.uint8]]
    predictions: dict[str, NDArray[np.uint8]]
    worst: tuple[str, ...] = ()


def panel_indices(count: int) -> list[int]:
    """Return the places of the pictures shown, spread evenly over `count` images."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(PANEL_IMAGES, count))})


def worst_indices(tested: SplitEvaluation, classes: ClassSet) -> list[int]:
    """Return the places of the images of lowest IoU, lowest first, one a photograph at most.

    Images whose truth is all background have no IoU and are left out.
    """
    scores = per_image_iou(tested.counts, classes)
    places: dict[str, int] = {}
    for place in np.argsort(scores, kind="stable").tolist():
        if np.isfinite(scores[place]):
            places.setdefault(photo_of(tested.ids[place]), place)
    return list(places.values())[:WORST_IMAGES]


def write_panel(
    path: Path, predictor: Predictor, split: Split, tested: SplitEvaluation | None = None
) -> None:
    """Store images, truths and predictions, shrunk to `SIDE`, in one npz.

    tested: what the predictor was counted on this split; without it the worst are not known.
    """
    shown = panel_indices(len(split))
    worst = worst_indices(tested, predictor.classes) if tested else []
    arrays: dict[str, NDArray[np.uint8]] = {}
    for place in sorted({*shown, *worst}):
        image, truth = split.original(place)
        size = _shown_size(image.shape[:2])
        name = split.ids[place]
        arrays[f"image/{name}"] = resize_image(image, size)
        arrays[f"truth/{name}"] = resize_labels(truth, size)
        arrays[f"prediction/{name}"] = resize_labels(predictor.predict(image), size)
    names = {
        key: np.array([split.ids[place] for place in places], dtype=np.str_)
        for key, places in (("ids", shown), ("worst", worst))
    }
    np.savez_compressed(path, allow_pickle=False, **names, **arrays)


def read_panel(path: Path) -> ImagePanel:
    """Read what `write_panel` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        ids, worst = (
            tuple(str(name) for name in stored[key]) if key in stored else ()
            for key in ("ids", "worst")
        )
        kept = dict.fromkeys((*ids, *worst))
        return ImagePanel(
            ids,
            {name: stored[f"image/{name}"] for name in kept},
            {name: stored[f"truth/{name}"] for name in kept},
            {name: stored[f"prediction/{name}"] for name in kept},
            worst,
        )


def _shown_size(size: tuple[int, ...]) -> tuple[int, int]:
    height, width = size
    scale = min(1.0, PANEL_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


# --- Where a worker's seconds go: the phases, as they are logged (`seconds/<phase>`) and read.
#
# A run has those of its worker since the run before it, so nothing between two jobs is lost; what
# a worker still waits after its last job is said on the study's run.

ROBUSTNESS_PHASE, TESTING_PHASE, MEASURING_PHASE = "robustness", "testing", "measuring"
ARTIFACTS_PHASE, LOGGING_PHASE = "artifacts", "logging"
START_PHASE, IMPORTS_PHASE, WAITING_PHASE = "start", "imports", "waiting"

WORKER_JOB_METRIC = (
    "worker/job"  # the metric that says which of its worker's jobs a run was, from 1
)

PHASE_LABELS = {
    STEPS: "optimiser steps",
    INPUT: "waiting for input",
    COMPILING: "tracing and compiling",
    VALIDATION: "validation",
    CHECKPOINTS: "checkpoints",
    LOGGING_PHASE: "logging and reporting",
    ROBUSTNESS_PHASE: "occlusion and other suites",
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
