"""A small synthetic study: three architectures, two seeds each, five classes, six images."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from faceseg.data.classes import ClassSet
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.metrics.confusion_matrix import confusion_per_image
from faceseg.robustness.conditions import Condition
from pipelines.compare.report.comparison_report import ComparisonReport, build_report
from pipelines.compare.report.html_page import render_html
from pipelines.compare.study_data.study_results import (
    ComparedModel,
    ComparedStudy,
    FinalRun,
    TrialRun,
)
from pipelines.config import Experiment
from pipelines.job.results import ImagePanel
from tests.pipelines.compare import sample_values

CLASSES = ClassSet(
    names=("background", "skin", "left_eye", "right_eye", "hat"),
    palette=((0, 0, 0), (0, 153, 255), (255, 255, 102), (255, 255, 204), (102, 0, 51)),
    pairs=((2, 3),),
    small=(2, 3),
    face=(1, 2, 3),
    eyes=(2, 3),
)
IMAGES = 6
SIZE = 16
BASELINE_IOU = 0.1  # of the mean label map
FACTS = tuple({"face_share": 0.1 * index} for index in range(IMAGES))
STEPS = [  # kind, severity, share of the face that is covered
    ("clean", 0.0, 0.0),
    *(("blob", share, share) for share in (0.05, 0.1, 0.2, 0.35, 0.5)),
    *(("eye_band", step, 0.1 * step) for step in (1.0, 2.0, 3.0)),
]
SCORES = (
    *("iou", "dice", "precision", "recall", "iou_small", "boundary_iou", "iou_with_background"),
    *("pixel_accuracy", "iou_per_image", "iou_worst_tenth", "calibration_error"),
    *("calibration_error_foreground", "iou/skin", "iou/left_eye", "iou/right_eye"),
    *("legacy_iou", "legacy_precision", "legacy_recall"),
)
RUNS = {  # IoU of the two final runs, share of wrong pixels, latency in ms, MACs
    "unet": ((0.50, 0.60), 0.30, 4.0, 1e6),
    "pspnet": ((0.20, 0.20), 0.80, 9.0, 2e6),
    "segnet": ((0.70, 0.80), 0.05, 5.0, 8e6),
}


def true_labels() -> np.ndarray:
    """Return labels with a face and two eyes on every image, and a hat on none."""
    labels = np.zeros((IMAGES, SIZE, SIZE), dtype=np.uint8)
    labels[:, 3:14, 3:13] = 1
    labels[:, 6:8, 4:7] = 2
    labels[:, 6:8, 9:12] = 3
    return labels


def with_errors(labels: np.ndarray, wrong: float, seed: int) -> np.ndarray:
    """Return labels in which about this share of the pixels has a random class."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 4, labels.shape).astype(np.uint8)
    return np.where(rng.random(labels.shape) < wrong, noise, labels)


def make_final(name: str, seed: int) -> FinalRun:
    scores, wrong, latency, macs = RUNS[name]
    iou = scores[seed]
    labels, ids = true_labels(), tuple(f"photo-{number}" for number in range(IMAGES))
    predicted = with_errors(labels, wrong, seed)
    rng = np.random.default_rng(9)
    images = rng.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
    metrics = {
        **{f"test/{score}": iou for score in SCORES},
        "test/legacy_dice": 1.9,
        "occlusion/retention": 0.8,
        "occlusion/mean_iou": 0.8 * iou,
        "occlusion/blob/retention": 0.7,
        "occlusion/eye_band/retention": 0.9,
        **sample_values.COSTS,
        "latency/p50_ms": latency,
        "latency/p95_ms": 1.5 * latency,
        "model/macs": macs,
        "seconds/training": 60.0 + 20 * seed,
    }
    return FinalRun(
        number=seed,
        seed=100 + seed,
        run_id=f"{name}-{seed}",
        metrics=metrics,
        params=dict(sample_values.PARAMS),
        history=sample_values.history(iou),
        records=EvaluationRecords(
            ids=ids,
            conditions=conditions(wrong, seed),
            baseline_iou=BASELINE_IOU,
            tested=tested(ids, labels, predicted),
            facts=FACTS,
        ),
        rows={"occlusion": occlusion(iou)},
        panel=ImagePanel(
            ids=ids[:2],
            images={ids[index]: images[index] for index in range(2)},
            truths={ids[index]: labels[index] for index in range(2)},
            predictions={ids[index]: predicted[index] for index in range(2)},
            worst=ids[:2],
        ),
    )


def tested(ids: tuple[str, ...], labels: np.ndarray, predicted: np.ndarray) -> SplitEvaluation:
    """Return the images' confusion matrices, with perfect outlines and no calibration."""
    return SplitEvaluation(
        ids=ids,
        counts=confusion_per_image(labels, predicted, len(CLASSES)),
        boundary=np.full((IMAGES, len(CLASSES), 2), 10),
        outline=np.full((IMAGES, 2), 40),
        calibration=np.zeros((2, 15, 3)),
    )


def occlusion(iou: float) -> pd.DataFrame:
    rows = [
        {"kind": kind, "severity": severity, "share": share, "policy": policy, "images": IMAGES,
         "iou": iou * (1 - (1.0 if policy == "visible" else 0.5) * share)}
        for kind, severity, share in STEPS
        for policy in ("visible", "unoccluded")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def conditions(wrong: float, seed: int) -> tuple[Condition, ...]:
    """Return the conditions of occ-v1: the larger the covered share, the more wrong pixels."""
    labels = true_labels()
    made = []
    for kind, severity, share in STEPS:
        counts = confusion_per_image(
            labels, with_errors(labels, min(1.0, wrong + share / 2), seed), len(CLASSES)
        ).astype(np.int32)
        policies = {"visible": counts, "unoccluded": counts}
        made.append(
            Condition(
                suite="occ-v1",
                kind=kind,
                severity=severity,
                counts=policies,
                coverage=np.full(IMAGES, share),
            )
        )
    return tuple(made)


def trials(iou: float) -> tuple[TrialRun, ...]:
    """Return three complete trials, two pruned ones and a failed one."""
    states = ("complete", "pruned", "complete", "failed", "pruned", "complete")
    values = (0.5, 0.2, 0.8, math.nan, 0.3, 0.9)
    return tuple(
        TrialRun(
            number=number,
            state=state,
            value=iou * value,
            settings={"learning_rate": 1e-3, "batch_size": 8.0},
            seconds=50.0,
            epochs=2,
        )
        for number, (state, value) in enumerate(zip(states, values, strict=True))
    )


@pytest.fixture(scope="session")
def study() -> ComparedStudy:
    """Return the study, in which segnet is best, then unet, then pspnet."""
    models = tuple(
        ComparedModel(
            name=name,
            finals=(make_final(name, 0), make_final(name, 1)),
            trials=trials(RUNS[name][0][0]),
        )
        for name in RUNS
    )
    return ComparedStudy(
        experiment="made",
        name="made-12345678",
        run_id="studyrun",
        commit="abcdef012345",
        manifest=sample_values.make_manifest(CLASSES),
        models=models,
        settings=Experiment.model_validate({"name": "made", "finals": {"seeds": 2}}),
        description="A synthetic study for tests.",
    )


@pytest.fixture(scope="session")
def report(study: ComparedStudy) -> ComparisonReport:
    """Return the report of the study."""
    return build_report(study, resamples=200)


@pytest.fixture(scope="session")
def html(report: ComparisonReport) -> str:
    """Return the page of the report."""
    return render_html(report)


@pytest.fixture(scope="session")
def find_model(study: ComparedStudy) -> Callable[[str], ComparedModel]:
    """Return a function that returns a model of the study by name."""
    return lambda name: next(each for each in study.models if each.name == name)
