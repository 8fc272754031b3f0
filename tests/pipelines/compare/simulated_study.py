"""Studies whose truth is known: drawn faces, and predictions made from their labels.

A prediction is the truth with its outlines frayed, drawn anew for every network and seed, so
that networks differ by chance alone. A `Flaw` makes one worse in one way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.drawn import DrawnFaces
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.slices import measure_facts
from faceseg.evaluation.split_evaluation import SplitEvaluation
from faceseg.metrics.boundary import boundary_counts, boundary_distance, outline_length
from faceseg.metrics.confusion_matrix import confusion
from faceseg.robustness.conditions import Condition, ConditionCounter
from faceseg.robustness.suites import CLEAN, GEOMETRY, OCCLUSION, View
from pipelines.compare.study_data.study_results import (
    ComparedModel,
    FinalRun,
    StudyResults,
    TrialRun,
)
from pipelines.config import Experiment
from pipelines.job import results
from pipelines.job.results import ImagePanel, worst_indices
from tests.pipelines.compare import sample_values

IMAGES, SIZE = 16, 96
KINDS = {OCCLUSION: ("blob",), GEOMETRY: ("resolution", "framing")}
BLIND = 0.05
FRAYED = 0.25  # of the pixels


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a network: its eyes eroded, lost around an occluder, so much slower."""

    eyes: bool = False
    occluded: bool = False
    slower: float = 1.0


@cache
def faces() -> list[tuple[str, np.ndarray, np.ndarray, dict[str, object]]]:
    """Id, image, labels and facts of the test images."""
    items = DrawnFaces({"test": IMAGES}, SIZE, difficulty=0.5, seed=3).items("test")
    read = [(item, *item.read()) for item in items]
    return [
        (item.id, image, labels, {**item.facts(labels), **measure_facts(image, labels, LAPA)})
        for item, image, labels in read
    ]


@cache
def views() -> list[list[tuple[str, str, float, View]]]:
    """By image: suite, kind, severity and view of every condition."""
    found = []
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
        found.append(shown)
    return found


def predicted(view: View, flaw: Flaw, rng: np.random.Generator) -> np.ndarray:
    """The truth of a view, frayed: some pixels take the label of a neighbour."""
    truth = next(iter(view.truth.values()))
    labels = np.where(truth == IGNORE, 0, truth).astype(np.uint8)
    rows, columns = np.indices(labels.shape)
    away = rng.integers(-1, 2, (2, *labels.shape)) * (rng.random(labels.shape) < FRAYED)
    places = [
        np.clip(index + step, 0, SIZE - 1)
        for index, step in zip((rows, columns), away, strict=True)
    ]
    frayed = labels[places[0], places[1]]
    if flaw.eyes:
        for eye in LAPA.eyes:
            mask = (frayed == eye).astype(np.uint8)
            gone = mask - cv2.erode(mask, np.ones((2, 1), np.uint8))
            frayed = np.where(gone > 0, LAPA.skin, frayed).astype(np.uint8)
    if flaw.occluded and view.occlusion is not None:
        around = cv2.dilate(view.occlusion.mask.astype(np.uint8), np.ones((9, 9), np.uint8))
        frayed = np.where(around > 0, 0, frayed).astype(np.uint8)
    return frayed


@cache
def records(flaw: Flaw, seed: int) -> EvaluationRecords:
    rng = np.random.default_rng(seed)
    tallies: dict[tuple[str, str, float], ConditionCounter] = {}
    counts, edges, outlines = [], [], []
    for (_, _, labels, _), shown in zip(faces(), views(), strict=True):
        clean = predicted(shown[0][3], flaw, rng)
        counts.append(confusion(labels, clean, len(LAPA)))
        width = boundary_distance(*labels.shape)
        edges.append(boundary_counts(labels, clean, len(LAPA), width))
        outlines.append((outline_length(clean), outline_length(labels)))
        for suite, kind, step, view in shown:
            tally = tallies.setdefault(
                (suite, kind, step), ConditionCounter(suite, kind, step, len(LAPA))
            )
            tally.add(view, clean if kind == CLEAN else predicted(view, flaw, rng), clean)
    ids = tuple(name for name, *_ in faces())
    tested = SplitEvaluation(
        ids, np.stack(counts), np.stack(edges), np.array(outlines), np.ones((2, 15, 3))
    )
    conditions: tuple[Condition, ...] = tuple(each.condition() for each in tallies.values())
    return EvaluationRecords(ids, conditions, BLIND, tested, tuple(facts for *_, facts in faces()))


def panel(of: EvaluationRecords, flaw: Flaw) -> ImagePanel:
    """The first two images, and the worst."""
    assert of.tested is not None
    worst = worst_indices(of.tested, LAPA)
    rng = np.random.default_rng(0)
    shown = {of.ids[place]: place for place in (0, 1, *worst)}
    return ImagePanel(
        of.ids[:2],
        {name: faces()[place][1] for name, place in shown.items()},
        {name: faces()[place][2] for name, place in shown.items()},
        {name: predicted(views()[place][0][3], flaw, rng) for name, place in shown.items()},
        tuple(of.ids[place] for place in worst),
    )


def final(number: int, flaw: Flaw, seed: int) -> FinalRun:
    found = records(replace(flaw, slower=1.0), seed)
    rows = results.suite_tables(found.conditions, LAPA)
    rng = np.random.default_rng(seed)
    latency = 5.0 * flaw.slower * rng.uniform(0.99, 1.01)
    metrics = {
        **results.test_scores(found.tested, LAPA),
        **results.suite_summaries(rows, BLIND),
        **sample_values.COSTS,
        "latency/p50_ms": latency,
        "latency/p95_ms": 1.2 * latency,
        "memory/peak_mb": 900 * rng.uniform(0.995, 1.005),
    }
    history = sample_values.history(metrics["test/iou"])
    return FinalRun(
        number, 100 + number, f"run-{seed}", metrics, dict(sample_values.PARAMS), history, found, rows,
        panel(found, flaw),
    )  # fmt: skip


def study(flaws: Mapping[str, Flaw], seeds: int = 2) -> StudyResults:
    """A study of unet, pspnet and segnet, alike but for their flaws."""
    contenders = tuple(
        ComparedModel(
            name,
            tuple(
                final(number, flaws.get(name, Flaw()), 10 * place + number)
                for number in range(seeds)
            ),
            trials(place),
        )
        for place, name in enumerate(("unet", "pspnet", "segnet"))
    )
    experiment = Experiment.model_validate(
        {
            "name": "planted",
            "search": {"space": sample_values.SPACE},
            "robustness": {"kinds": ["blob"], "geometry": ["resolution", "framing"]},
        }
    )
    manifest = sample_values.make_manifest(LAPA)
    return StudyResults(
        "planted", "planted-1", "studyrun", "abcdef012345", manifest, contenders, experiment,
        "A study whose truth is known.",
    )  # fmt: skip


def trials(seed: int, count: int = 12) -> tuple[TrialRun, ...]:
    """Trials that the learning rate alone decides; the best is the lowest rate."""
    rates = np.geomspace(1e-4, 1e-2, count)
    sizes = [8, 16, 32] * count
    order = np.random.default_rng(seed).permutation(count)
    return tuple(
        TrialRun(
            number,
            "pruned" if rate > 5e-3 else "complete",
            0.8 - 0.2 * float(np.log10(rate / 1e-4)),
            {"learning_rate": float(rate), "batch_size": float(size)},
            30.0,
            3,
        )
        for number, (rate, size) in enumerate(zip(rates[order], sizes, strict=False))
    )
