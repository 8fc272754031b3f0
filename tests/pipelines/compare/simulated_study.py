"""Simulated studies: drawn faces, and predictions generated from their true labels.

A prediction is the true mask with noise along its outlines, drawn anew for every network and
seed, so networks differ only by chance. A `Flaw` makes one network worse in one way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

import cv2
import numpy as np

from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.slices import measure_facts
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.metrics.boundary import boundary_counts, boundary_distance, outline_length
from faceseg.metrics.confusion_matrix import confusion
from faceseg.robustness.conditions import Condition, ConditionCounter, count_view
from faceseg.robustness.suites import CLEAN, GEOMETRY, OCCLUSION, View
from pipelines.compare.study_data.study_results import (
    ComparedModel,
    ComparedStudy,
    FinalRun,
    TrialRun,
)
from pipelines.config import Experiment
from pipelines.job import results
from pipelines.job.results import ImagePanel, worst_indices
from tests.pipelines.compare import sample_values

IMAGES, SIZE = 16, 96
KINDS = {OCCLUSION: ("blob",), GEOMETRY: ("resolution", "framing")}
BASELINE_IOU = 0.05
NOISE = 0.25  # share of the pixels that may take a neighbour's label


@dataclass(frozen=True)
class Flaw:
    """A weakness of a network: eroded eyes, errors around occluders, a slowdown by a factor."""

    eyes: bool = False
    occluded: bool = False
    slower: float = 1.0


@cache
def faces() -> list[tuple[str, np.ndarray, np.ndarray, dict[str, object]]]:
    """Return id, image, labels and facts of each test image."""
    items = DrawnFaces(counts={"test": IMAGES}, size=SIZE, difficulty=0.5, seed=3).items("test")
    read = [(item, *item.read()) for item in items]
    return [
        (item.id, image, labels, {**item.facts(labels), **measure_facts(image, labels, LAPA)})
        for item, image, labels in read
    ]


@cache
def views() -> list[list[tuple[str, str, float, View]]]:
    """Return, for each image, suite, kind, severity and view of every condition."""
    by_image = []
    for name, image, labels, _ in faces():
        shown = []
        for suite, kinds in KINDS.items():
            for kind in (CLEAN, *kinds):
                steps = (0.0,) if kind == CLEAN else suite.severities(kind)
                each = suite.views(image, labels, name, kind, LAPA)
                shown += [
                    (suite.version, kind, step, view)
                    for step, view in zip(steps, each, strict=True)
                ]
        by_image.append(shown)
    return by_image


def predicted(view: View, flaw: Flaw, rng: np.random.Generator) -> np.ndarray:
    """Return the true labels of a view in which some pixels have the label of a neighbour."""
    truth = next(iter(view.truth.values()))
    labels = np.where(truth == IGNORE, 0, truth).astype(np.uint8)
    rows, columns = np.indices(labels.shape)
    offsets = rng.integers(-1, 2, (2, *labels.shape)) * (rng.random(labels.shape) < NOISE)
    sources = [
        np.clip(index + step, 0, SIZE - 1)
        for index, step in zip((rows, columns), offsets, strict=True)
    ]
    noisy = labels[sources[0], sources[1]]
    if flaw.eyes:
        for eye in LAPA.eyes:
            mask = (noisy == eye).astype(np.uint8)
            eroded = mask - cv2.erode(mask, np.ones((2, 1), np.uint8))
            noisy = np.where(eroded > 0, LAPA.skin, noisy).astype(np.uint8)
    if flaw.occluded and view.occlusion is not None:
        around = cv2.dilate(view.occlusion.mask.astype(np.uint8), np.ones((9, 9), np.uint8))
        noisy = np.where(around > 0, 0, noisy).astype(np.uint8)
    return noisy


@cache
def records(flaw: Flaw, seed: int) -> EvaluationRecords:
    rng = np.random.default_rng(seed)
    overlaps: dict[tuple[str, str, float], ConditionCounter] = {}
    counts, edges, outlines = [], [], []
    for (_, _, labels, _), shown in zip(faces(), views(), strict=True):
        clean = predicted(shown[0][3], flaw, rng)
        counts.append(confusion(labels, clean, len(LAPA)))
        width = boundary_distance(*labels.shape)
        edges.append(boundary_counts(labels, clean, len(LAPA), width))
        outlines.append((outline_length(clean), outline_length(labels)))
        for suite, kind, step, view in shown:
            counter = overlaps.setdefault((suite, kind, step), ConditionCounter(suite, kind, step))
            found = clean if kind == CLEAN else predicted(view, flaw, rng)
            counter.add(count_view(view, found, partial(np.asarray, clean), len(LAPA)))
    ids = tuple(name for name, *_ in faces())
    tested = SplitEvaluation(
        ids=ids,
        counts=np.stack(counts),
        boundary=np.stack(edges),
        outline=np.array(outlines),
        calibration=np.ones((2, 15, 3)),
    )
    conditions: tuple[Condition, ...] = tuple(each.condition() for each in overlaps.values())
    return EvaluationRecords(
        ids=ids,
        conditions=conditions,
        baseline_iou=BASELINE_IOU,
        tested=tested,
        facts=tuple(facts for *_, facts in faces()),
    )


def panel(evaluated: EvaluationRecords, flaw: Flaw) -> ImagePanel:
    """Return the panel of the first two images and of the worst ones."""
    assert evaluated.tested is not None
    worst = worst_indices(evaluated.tested, LAPA)
    rng = np.random.default_rng(0)
    shown = {evaluated.ids[index]: index for index in (0, 1, *worst)}
    return ImagePanel(
        ids=evaluated.ids[:2],
        images={name: faces()[index][1] for name, index in shown.items()},
        truths={name: faces()[index][2] for name, index in shown.items()},
        predictions={
            name: predicted(views()[index][0][3], flaw, rng) for name, index in shown.items()
        },
        worst=tuple(evaluated.ids[index] for index in worst),
    )


def final(number: int, flaw: Flaw, seed: int) -> FinalRun:
    evaluated = records(replace(flaw, slower=1.0), seed)
    rows = results.suite_tables(evaluated.conditions, LAPA)
    rng = np.random.default_rng(seed)
    latency = 5.0 * flaw.slower * rng.uniform(0.99, 1.01)
    metrics = {
        **results.test_scores(evaluated.tested, LAPA),
        **results.suite_summaries(rows, BASELINE_IOU),
        **sample_values.COSTS,
        "latency/p50_ms": latency,
        "latency/p95_ms": 1.2 * latency,
        "memory/peak_mb": 900 * rng.uniform(0.995, 1.005),
    }
    return FinalRun(
        number=number,
        seed=100 + number,
        run_id=f"run-{seed}",
        metrics=metrics,
        params=dict(sample_values.PARAMS),
        history=sample_values.history(metrics["test/iou"]),
        records=evaluated,
        rows=rows,
        panel=panel(evaluated, flaw),
    )


def study(flaws: Mapping[str, Flaw], seeds: int = 2) -> ComparedStudy:
    """Return a study of unet, pspnet and segnet, which differ only in their flaws."""
    models = tuple(
        ComparedModel(
            name=name,
            finals=tuple(
                final(number, flaws.get(name, Flaw()), 10 * index + number)
                for number in range(seeds)
            ),
            trials=trials(index),
        )
        for index, name in enumerate(("unet", "pspnet", "segnet"))
    )
    experiment = Experiment.model_validate(
        {
            "name": "planted",
            "finals": {"seeds": seeds},
            "search": {"space": sample_values.SPACE},
            "robustness": {"kinds": ["blob"], "geometry": ["resolution", "framing"]},
        }
    )
    return ComparedStudy(
        experiment="planted",
        name="planted-1",
        run_id="studyrun",
        commit="abcdef012345",
        manifest=sample_values.make_manifest(LAPA),
        models=models,
        settings=experiment,
        description="A simulated study.",
    )


def trials(seed: int, count: int = 12) -> tuple[TrialRun, ...]:
    """Return trials whose value depends on the learning rate only; the lowest rate is best."""
    rates = np.geomspace(1e-4, 1e-2, count)
    sizes = [8, 16, 32] * count
    order = np.random.default_rng(seed).permutation(count)
    return tuple(
        TrialRun(
            number=number,
            state="pruned" if rate > 5e-3 else "complete",
            value=0.8 - 0.2 * float(np.log10(rate / 1e-4)),
            settings={"learning_rate": float(rate), "batch_size": float(size)},
            seconds=30.0,
            epochs=3,
        )
        for number, (rate, size) in enumerate(zip(rates[order], sizes, strict=False))
    )
