"""The robustness evaluation of one job: run the suites, say their curves, write their tables."""

from functools import lru_cache
from pathlib import Path

from faceseg.classes import ClassSet
from faceseg.data.split import Split
from faceseg.predictor import Predictor
from faceseg.robustness.conditions import Condition
from faceseg.robustness.evaluation import evaluate
from faceseg.robustness.occlusion.digest import mask_digest
from faceseg.robustness.suites import SUITES
from faceseg.robustness.trivial import clean_iou, mean_label_map
from faceseg.robustness.views import CLEAN
from pipelines.config.schema import Robustness
from pipelines.context import Context
from pipelines.scoring import Tables
from pipelines.search.job import Kind
from pipelines.tracking import Outbox

MASKED = 50  # test images whose masks are in the checksum
ENOUGH = 2000  # training images for a mean label map


def kinds(settings: Robustness, *, final: bool) -> dict[str, tuple[str, ...]]:
    """Return the kinds of each suite that a job goes through: trials are occluded only."""
    found = {"occlusion": settings.kinds}
    if final:
        found |= {"corruption": settings.corruption, "geometry": settings.geometry}
    return {name: each for name, each in found.items() if each}


def run(context: Context, kind: Kind, predictor: Predictor, threads: int) -> tuple[Condition, ...]:
    """Put validation images (a trial) or test images (a final) through the suites."""
    split, limit = images(context, kind)
    chosen = kinds(context.experiment.robustness, final=kind == "final")
    return tuple(
        condition
        for name, each in chosen.items()
        for condition in evaluate(predictor, split, SUITES[name], each, limit, threads=threads)
    )


def images(context: Context, kind: Kind) -> tuple[Split, int]:
    """Return the split that the suites are run on, and how many of its images."""
    settings = context.experiment.robustness
    if kind == "final":
        return context.test, settings.final_images
    return context.validation, settings.trial_images


def blind(context: Context, kind: Kind) -> float:
    """Return what the mean label map of the training images scores on the images of the suites."""
    split, limit = images(context, kind)
    return _blind(context.train, split, context.experiment.data.class_set, limit)


@lru_cache(maxsize=4)  # the same for all jobs of a study
def _blind(train: Split, split: Split, classes: ClassSet, limit: int) -> float:
    return clean_iou(mean_label_map(train.labels[:ENOUGH], classes), split, limit)


def mask_checksum(context: Context, threads: int) -> str:
    """Return a checksum of the occluders drawn over the first test images, by this program."""
    split, limit = images(context, "final")
    first = (
        (split.ids[place], split.original(place)[1])
        for place in range(min(limit, len(split), MASKED))
    )
    experiment = context.experiment
    return mask_digest(
        first, experiment.robustness.kinds, experiment.data.class_set, threads=threads
    )


def write(rows: Tables, folder: Path) -> None:
    """Write occlusion.csv, corruption.csv, geometry.csv: those that were run."""
    for name, each in rows.items():
        each.to_csv(folder / f"{name}.csv", index=False)


def say(rows: Tables, outbox: Outbox, at: float) -> None:
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
