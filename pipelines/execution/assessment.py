"""A predictor assessed: the robustness suites and, of a final, the test; everything is said.

What a trained network and the ensemble of several have in common.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from faceseg.data.classes import ClassSet
from faceseg.data.split import Split
from faceseg.evaluation.baselines import clean_iou, mean_label_map
from faceseg.evaluation.records import EvaluationRecords
from faceseg.evaluation.robustness import evaluate_suite
from faceseg.evaluation.slices import image_facts
from faceseg.evaluation.split_evaluation import evaluate_split
from faceseg.inference.predictor import Predictor
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
) -> dict[str, float]:
    """Assess a trial on validation images, a final on test images; return the final values.

    Writes confusion.npz, the suites' tables, figures/predictions.png and, of a final, panel.npz
    into `folder`; logs the suites' curves.
    at: the time of the points (seconds since 1970); the same each time stores them once.
    """
    clock = clock or Stopwatch()
    classes = context.experiment.data.class_set
    split, limit = suite_images(context, kind)
    predictions_figure(predictor, split, folder / "figures" / "predictions.png")
    with clock.phase(results.ROBUSTNESS_PHASE):
        conditions = run_suites(context, kind, predictor, threads)
        rows = results.suite_tables(conditions, classes)
        log_curves(rows, outbox, at)
        write_tables(rows, folder)
        blind = baseline_iou(context, kind)
        values = results.suite_summaries(rows, blind)
    if kind == "final":
        with clock.phase(results.TESTING_PHASE):
            tested = evaluate_split(predictor, split)
            values |= results.test_scores(tested, classes)
            write_panel(folder / "panel.npz", predictor, split, tested)
        records = EvaluationRecords(
            split.ids, conditions, blind, tested, image_facts(split, classes)
        )
    else:
        records = EvaluationRecords(split.ids[:limit], conditions, blind)
    records.write(folder / "confusion.npz")
    return values


# --- The robustness evaluation of one job: run the suites, say their curves, write their tables.

CHECKSUM_IMAGES = 50  # test images whose masks are in the checksum
BASELINE_IMAGES = 2000  # training images for a mean label map


def suite_kinds(settings: Robustness, *, final: bool) -> dict[str, tuple[str, ...]]:
    """Return the kinds of each suite that a job goes through: trials are occluded only."""
    found = {"occlusion": settings.kinds}
    if final:
        found |= {"corruption": settings.corruption, "geometry": settings.geometry}
    return {name: each for name, each in found.items() if each}


def run_suites(
    context: StudyContext, kind: JobKind, predictor: Predictor, threads: int
) -> tuple[Condition, ...]:
    """Put validation images (a trial) or test images (a final) through the suites."""
    split, limit = suite_images(context, kind)
    chosen = suite_kinds(context.experiment.robustness, final=kind == "final")
    return tuple(
        condition
        for name, each in chosen.items()
        for condition in evaluate_suite(
            predictor, split, SUITES[name], each, limit, threads=threads
        )
    )


def suite_images(context: StudyContext, kind: JobKind) -> tuple[Split, int]:
    """Return the split that the suites are run on, and how many of its images."""
    settings = context.experiment.robustness
    if kind == "final":
        return context.test, settings.final_images
    return context.validation, settings.trial_images


def baseline_iou(context: StudyContext, kind: JobKind) -> float:
    """Return what the mean label map of the training images scores on the images of the suites."""
    split, limit = suite_images(context, kind)
    return _baseline_iou(context.train, split, context.experiment.data.class_set, limit)


@lru_cache(maxsize=4)  # the same for all jobs of a study
def _baseline_iou(train: Split, split: Split, classes: ClassSet, limit: int) -> float:
    return clean_iou(mean_label_map(train.labels[:BASELINE_IMAGES], classes), split, limit)


def mask_checksum(context: StudyContext, threads: int) -> str:
    """Return a checksum of the occluders drawn over the first test images, by this program."""
    split, limit = suite_images(context, "final")
    first = (
        (split.ids[place], split.original(place)[1])
        for place in range(min(limit, len(split), CHECKSUM_IMAGES))
    )
    experiment = context.experiment
    return mask_digest(
        first, experiment.robustness.kinds, experiment.data.class_set, threads=threads
    )


def write_tables(rows: Tables, folder: Path) -> None:
    """Write occlusion.csv, corruption.csv, geometry.csv: those that were run."""
    for name, each in rows.items():
        each.to_csv(folder / f"{name}.csv", index=False)


def log_curves(rows: Tables, outbox: Outbox, at: float) -> None:
    """Log each kind's curve: `occlusion/<kind>/iou`, the severity in percent as the step.

    A further policy's has its name behind: `iou_unoccluded`, `iou_agreement`. The step where
    nothing is changed (0, of a factor 100) is the clean score.
    at: the time of the points (seconds since 1970); the same each time stores them once.
    """
    steps: dict[int, dict[str, float]] = {}
    for name, each in rows.items():
        suite = SUITES[name]
        clean = each[each.kind == CLEAN].set_index("policy").iou.to_dict()
        for row in each[each.kind != CLEAN].to_dict("records"):
            kind, policy = str(row["kind"]), str(row["policy"])
            suffix = "" if policy == suite.policies[0] else f"_{policy}"
            metric = f"{name}/{kind}/iou{suffix}"
            steps.setdefault(round(100 * suite.neutral(kind)), {})[metric] = clean[policy]
            steps.setdefault(round(100 * row["share"]), {})[metric] = row["iou"]
    for step, values in sorted(steps.items()):
        outbox.metrics(values, step, at)


# --- Pictures for the tracker: drawn with matplotlib's objects, never its global state.


def predictions_figure(predictor: Predictor, split: Split, path: Path) -> None:
    """Draw a few images of a split: one row an image, then its truth and its prediction."""
    places = panel_indices(len(split))[:4]
    height = 2 * len(places) + 0.9  # inches; room for the titles above and the legend below
    figure = Figure(figsize=(6.2, height))  # laid out by hand: a solver takes 0.1 s a figure
    axes = figure.subplots(len(places), 3, squeeze=False)
    figure.subplots_adjust(0.01, 0.62 / height, 0.99, 1 - 0.25 / height, wspace=0.03, hspace=0.12)
    for row, place in zip(axes, places, strict=True):
        image, truth = split.original(place)
        classes = predictor.classes
        pictures = (image, classes.colour(truth), classes.colour(predictor.predict(image)))
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
        row[0].set_title(split.ids[place], fontsize=7, loc="left")
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
