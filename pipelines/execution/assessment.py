"""Assess a predictor: run the robustness suites and, for a final, the test; log the results.

A trained network and an ensemble are assessed in the same way.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from faceseg.data.classes import ClassSet
from faceseg.data.images import resize_labels
from faceseg.data.split import Split
from faceseg.evaluation.baselines import clean_class_iou, mean_label_map
from faceseg.evaluation.left_out import condition_without, evaluation_without, mean_iou_without
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.evaluation.slices import image_facts
from faceseg.evaluation.split_evaluation import evaluate_split
from faceseg.inference.predictor import Predictor
from faceseg.metrics.confusion_matrix import Fractions
from faceseg.robustness.conditions import Condition
from faceseg.robustness.occlusion.occluded_images import mask_digest
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.training.stopwatch import Stopwatch
from pipelines.config.sections import Robustness
from pipelines.job import results
from pipelines.job.context import StudyContext
from pipelines.job.job import JobKind
from pipelines.job.results import Tables, panel_indices, write_panel
from pipelines.tracking import Outbox


def assess(
    context: StudyContext,
    kind: JobKind,
    predictor: Predictor,
    outbox: Outbox,
    folder: Path,
    *,
    at: float,
    threads: int,
    clock: Stopwatch | None = None,
    left_out: Collection[int] = (),
) -> dict[str, float]:
    """Assess a trial on validation images or a final on test images.

    Args:
        context: The study's context.
        kind: Whether a trial or a final is assessed.
        predictor: The network or ensemble.
        outbox: The run's outbox; the suites' curves are logged there.
        folder: The folder for confusion.npz, the suites' tables, figures/predictions.png and,
            for a final, panel.npz.
        at: The time of the logged points, in seconds since 1970. If a job is assessed again with
            the same time, its points are stored once.
        threads: Processor threads that draw the suites' images, and that count predictions.
        clock: Measures the phases.
        left_out: Ids of the classes that the predictor does not have; no score contains them.

    Returns:
        The metrics to log at the end of the run.
    """
    clock = clock or Stopwatch()
    classes = context.experiment.data.class_set
    split, limit = suite_images(context, kind)
    predictions_figure(predictor, split, folder / "figures" / "predictions.png")
    with clock.phase(results.ROBUSTNESS_PHASE):
        conditions = tuple(
            condition_without(each, left_out)
            for each in run_suites(context, kind, predictor, threads, clock)
        )
        tables = results.suite_tables(conditions, classes)
        log_curves(tables, outbox, at)
        write_tables(tables, folder)
        blind = mean_iou_without(baseline_class_iou(context, kind), left_out)
        values = results.suite_summaries(tables, blind)
    if kind == "final":
        with clock.phase(results.TESTING_PHASE):
            tested = evaluation_without(
                evaluate_split(predictor, split, threads=threads), classes, left_out
            )
            values |= results.test_scores(tested, classes)
            write_panel(folder / "panel.npz", predictor, split, tested)
        records = EvaluationRecords(
            ids=split.ids,
            conditions=conditions,
            baseline_iou=blind,
            tested=tested,
            facts=image_facts(split, classes),
        )
    else:
        records = EvaluationRecords(
            ids=split.ids[:limit], conditions=conditions, baseline_iou=blind
        )
    records.write(folder / "confusion.npz")
    return values


# --- The robustness evaluation of one job: run the suites, log their curves, write their tables.

CHECKSUM_IMAGES = 50  # test images whose masks are in the checksum
BASELINE_IMAGES = 2000  # images for the mean label map


def suite_kinds(settings: Robustness, *, final: bool) -> dict[str, tuple[str, ...]]:
    """Return the kinds of each suite that a job is evaluated on; for trials, occlusion only."""
    found = {"occlusion": settings.kinds}
    if final:
        found |= {"corruption": settings.corruption, "geometry": settings.geometry}
    return {name: each for name, each in found.items() if each}


def run_suites(
    context: StudyContext, kind: JobKind, predictor: Predictor, threads: int, clock: Stopwatch
) -> tuple[Condition, ...]:
    """Evaluate validation images (a trial) or test images (a final) under the suites."""
    split, limit = suite_images(context, kind)
    kinds = suite_kinds(context.experiment.robustness, final=kind == "final")
    return tuple(
        condition
        for name, each in kinds.items()
        for condition in evaluate_suite(
            predictor, split, SUITES[name], each, limit, threads=threads, phase=clock.phase
        )
    )


def suite_images(context: StudyContext, kind: JobKind) -> tuple[Split, int]:
    """Return the split that the suites use, and how many of its images."""
    settings = context.experiment.robustness
    if kind == "final":
        return context.test, settings.final_images
    return context.validation, settings.trial_images


def baseline_class_iou(context: StudyContext, kind: JobKind) -> Fractions:
    """Return each class's IoU (C,) of the baseline on the suites' images."""
    return _baseline_class_iou(baseline(context), *suite_images(context, kind))


def baseline(context: StudyContext) -> Predictor:
    """Return the training images' mean label map, a prediction that ignores the image.

    After a training on face boxes it is that of the validation images: the training's labels are
    those of crops, and whole images are scored.
    """
    classes = context.experiment.data.class_set
    if context.face_box:
        return _mean_of_whole_images(context.validation, classes)
    return _mean_of_packed_images(context.train, classes)


@lru_cache(maxsize=4)  # these are the same for all jobs of a study
def _baseline_class_iou(blind: Predictor, split: Split, limit: int) -> Fractions:
    return clean_class_iou(blind, split, limit)


@lru_cache(maxsize=2)
def _mean_of_packed_images(train: Split, classes: ClassSet) -> Predictor:
    return mean_label_map(train.labels[:BASELINE_IMAGES], classes)


@lru_cache(maxsize=2)
def _mean_of_whole_images(validation: Split, classes: ClassSet) -> Predictor:
    count, size = min(len(validation), BASELINE_IMAGES), validation.labels.shape[1:]
    whole = [resize_labels(validation.original(each)[1], size) for each in range(count)]
    return mean_label_map(np.stack(whole), classes)


def mask_checksum(context: StudyContext, threads: int) -> str:
    """Return a checksum of the occluders that this program draws over the first test images."""
    split, limit = suite_images(context, "final")
    first = (
        (split.ids[index], split.original(index)[1])
        for index in range(min(limit, len(split), CHECKSUM_IMAGES))
    )
    experiment = context.experiment
    return mask_digest(
        first, experiment.robustness.kinds, experiment.data.class_set, threads=threads
    )


def write_tables(tables: Tables, folder: Path) -> None:
    """Write occlusion.csv, corruption.csv and geometry.csv, for the suites that were run."""
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def log_curves(tables: Tables, outbox: Outbox, at: float) -> None:
    """Log each kind's curve as `occlusion/<kind>/iou`, with the severity in percent as the step.

    The metrics of further policies have a suffix: `iou_unoccluded`, `iou_agreement`. The step at
    which nothing is changed (0; for a factor, 100) has the clean score.

    Args:
        tables: The table of each suite.
        outbox: The run's outbox.
        at: The time of the points, in seconds since 1970. Points logged again with the same time
            are stored once.
    """
    steps: dict[int, dict[str, float]] = {}
    for name, table in tables.items():
        suite = SUITES[name]
        clean = table[table.kind == CLEAN].set_index("policy").iou.to_dict()
        for row in table[table.kind != CLEAN].to_dict("records"):
            kind, policy = str(row["kind"]), str(row["policy"])
            suffix = "" if policy == suite.policies[0] else f"_{policy}"
            metric = f"{name}/{kind}/iou{suffix}"
            steps.setdefault(round(100 * suite.neutral(kind)), {})[metric] = clean[policy]
            steps.setdefault(round(100 * row["share"]), {})[metric] = row["iou"]
    for step, values in sorted(steps.items()):
        outbox.metrics(values, step, at)


# --- Figures for the run, drawn with matplotlib's objects and without its global state.


def predictions_figure(predictor: Predictor, split: Split, path: Path) -> None:
    """Draw a few images of a split, one per row, each with its truth and its prediction."""
    indices = panel_indices(len(split))[:4]
    height = 2 * len(indices) + 0.9  # inches; room for the titles above and the legend below
    figure = Figure(figsize=(6.2, height))  # laid out by hand: a solver takes 0.1 s per figure
    axes = figure.subplots(len(indices), 3, squeeze=False)
    figure.subplots_adjust(0.01, 0.62 / height, 0.99, 1 - 0.25 / height, wspace=0.03, hspace=0.12)
    for row, index in zip(axes, indices, strict=True):
        image, truth = split.original(index)
        classes = predictor.classes
        pictures = (image, classes.colour(truth), classes.colour(predictor.predict(image)))
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
        row[0].set_title(split.ids[index], fontsize=7, loc="left")
    for axis, title in zip(axes[0], ("image", "truth", "prediction"), strict=True):
        axis.set_title(title, fontsize=9)
    figure.legend(handles=class_legend(predictor.classes), loc="lower center", ncols=4, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def class_legend(classes: ClassSet) -> Sequence[Patch]:
    """Return a coloured patch for each class."""
    colours = [(red / 255, green / 255, blue / 255) for red, green, blue in classes.palette]
    return [
        Patch(facecolor=colour, edgecolor="0.5", label=name)
        for name, colour in zip(classes.names, colours, strict=True)
    ]
