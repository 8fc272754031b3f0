"""What networks are compared by: one table, from a measure's name to how it is taken.

A measure on photographs is a score of tallies summed over images, so that photographs can be
resampled (`faceseg.statistics`). A measure of a machine or of a training is one number a final:
there are no photographs to resample, and finals differ by their seeds alone.

Differences up to a measure's `margin` are called no difference: absolute on photographs,
a share of the smaller (0.1 is 10 %) of machines and trainings.
Shapes: S seeds, N images, C classes; T stands for the axes of one image's tallies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from faceseg.data.classes import ClassSet
from faceseg.robustness.suites import SUITES
from pipelines.compare.analysis import measure_functions as photos
from pipelines.compare.analysis import measure_functions as runs
from pipelines.compare.analysis.measure_functions import ImageTallies
from pipelines.compare.study_data.study_results import FinalRun

BetterDirection = Literal["high", "low"]
ImageMeasure = Callable[
    [Sequence[FinalRun], ClassSet], ImageTallies | None
]  # None: it was not measured
RunMeasure = Callable[[FinalRun], float]  # NaN: it was not measured
SMALLEST_USEFUL = 0.01  # of IoU: below it a difference is of no use to anybody


@dataclass(frozen=True)
class Measure:
    """`words` say what it is, `better` which end is. One of `photos` and `run` is given.

    `needs` says what to set in an experiment to get it, where it may be missing. `exact`: no
    chance is in it, so one run is enough. `relative`: it says what is kept of a score, and so
    nothing of a network that has learned nothing.
    """

    name: str
    words: str
    better: BetterDirection
    margin: float
    photos: ImageMeasure | None = None
    run: RunMeasure | None = None
    unit: str = ""
    needs: str = ""
    exact: bool = False
    relative: bool = False


def measures(classes: ClassSet) -> dict[str, Measure]:
    """Return every measure for this class set, by name."""
    found = (*_clean_measures(classes), *_robustness_measures(classes), *_run_measures())
    return {each.name: each for each in found}


def _clean_measures(classes: ClassSet) -> list[Measure]:
    """Return the measures on the test images as they are."""
    small, large = classes.small, photos.large_parts(classes)
    foreground = tuple(range(1, len(classes)))
    inside = tuple(each for each in foreground if each not in small)
    found = [
        _iou("iou", "IoU, mean over foreground classes", foreground),
        Measure("dice", "Dice, mean over foreground classes", "high", SMALLEST_USEFUL, photos.dice),
        _iou("iou_large", "IoU of the large parts (skin, hair)", large),
        Measure(
            "boundary_iou", "IoU along the outlines", "high", SMALLEST_USEFUL, photos.boundary_iou
        ),
        Measure(
            "outline_length",
            "length of all outlines, as a share of the truth's (less is smoother)",
            "low",
            0.02,
            photos.outline_length,
        ),
        *(
            _iou(f"iou/{name}", f"IoU of {name.replace('_', ' ')}", (place,))
            for place, name in enumerate(classes.names)
            if place
        ),
    ]
    if small and inside:
        words = "IoU along the outlines of the parts that are not small"
        outlines = partial(photos.boundary_iou, chosen=inside)
        found.append(Measure("boundary_large", words, "high", SMALLEST_USEFUL, outlines))
    if small:
        found.append(_iou("iou_small", "IoU of the small parts", small))
    return found


def _iou(name: str, words: str, chosen: tuple[int, ...]) -> Measure:
    return Measure(name, words, "high", SMALLEST_USEFUL, partial(photos.iou, chosen=chosen))


def _robustness_measures(classes: ClassSet) -> list[Measure]:
    """Return the measures under occlusion, corruption and geometry."""
    found = []
    for suite, what in (
        ("occlusion", "under occlusion"),
        ("corruption", "under corruption"),
        ("geometry", "under changes of geometry"),
    ):
        needs = f"robustness.{'kinds' if suite == 'occlusion' else suite}"
        kinds = SUITES[suite].kinds(classes)
        found += _retention_and_iou(suite, f"{suite}/mean", what, None, f"{needs}: some kinds")
        found += [
            each
            for kind in kinds
            for each in _retention_and_iou(
                suite, f"{suite}/{kind}", f"under {kind.replace('_', ' ')}", (kind,),
                f"{needs}: [{kind}]",
            )
        ]  # fmt: skip
    scale = ("resolution", "framing")
    needs = f"robustness.geometry: [{', '.join(scale)}]"
    return [
        *found,
        *_retention_and_iou("geometry", "scale", "as the scale of the face changes", scale, needs),
    ]


def _retention_and_iou(
    suite: str, name: str, what: str, kinds: tuple[str, ...] | None, needs: str
) -> list[Measure]:
    """Return the share of the IoU kept and the IoU itself, means over some kinds of a suite."""
    kept, left = (
        partial(photos.suite_score, suite=suite, kinds=kinds, kept=relative)
        for relative in (True, False)
    )
    return [
        Measure(
            f"{name}/retention", f"share of the IoU kept {what}", "high", 0.02, kept,
            needs=needs, relative=True,
        ),
        Measure(f"{name}/iou", f"IoU {what}", "high", SMALLEST_USEFUL, left, needs=needs),
    ]  # fmt: skip


def _run_measures() -> list[Measure]:
    """Return the measures of machines and trainings."""
    logged, again = runs.logged_metric, "run the study again with this version"
    return [
        Measure(
            "latency", "time for one image, median", "low", 0.1,
            run=logged("latency/p50_ms"), unit="ms", needs=again,
        ),
        Measure(
            "memory", "peak memory of a process that serves it", "low", 0.05,
            run=logged("memory/peak_mb"), unit="MB", needs=again,
        ),
        Measure(
            "parameters", "parameters", "low", 0.05,
            run=logged("model/parameters"), needs=again, exact=True,
        ),
        Measure(
            "size", "size on disk", "low", 0.05,
            run=logged("model/size_mb"), unit="MB", needs=again, exact=True,
        ),
        Measure(
            "convergence",
            "epochs until 90 % of its best validation IoU",
            "low", 0.1, run=runs.epochs_to_converge, unit="epochs", needs=again,
        ),
        Measure(
            "iou_per_ms", "IoU per millisecond of an image", "high", 0.1,
            run=runs.iou_per_ms, unit="/ms", needs=again,
        ),
    ]  # fmt: skip
