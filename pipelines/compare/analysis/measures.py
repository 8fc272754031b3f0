"""The measures by which models are compared, by name.

An image measure is a score of overlaps summed over images, so photographs can be resampled
(`faceseg.statistics`). A run measure, of speed, size or training, is one number per final run:
there are no photographs to resample, and final runs differ only by their seeds.

Differences up to a measure's `margin` count as no difference. The margin is absolute for image
measures and a share of the smaller value for run measures (0.1 is 10 %).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from faceseg.data.classes import ClassSet
from faceseg.robustness.suites import SUITES
from pipelines.compare.analysis import measure_functions
from pipelines.compare.analysis.measure_functions import ImageOverlaps
from pipelines.compare.study_data.study_results import FinalRun

BetterDirection = Literal["high", "low"]
ImageMeasure = Callable[[Sequence[FinalRun], ClassSet], ImageOverlaps | None]  # None: not measured
RunMeasure = Callable[[FinalRun], float]  # NaN: not measured
SMALLEST_USEFUL = 0.01  # of IoU: smaller differences do not matter in practice
RERUN = "run the study again with this version"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure: what it is, in which direction it is better, and how it is computed.

    Either `photos` (an image measure) or `run` (a run measure) is set. `words` describes the
    measure. `needs` is the instruction to have it measured, where it may be missing. `exact`:
    the value is the same in every run, so one run is enough. `relative`: it is a share of the
    clean score, so it is meaningless for a network that has learned nothing. `highest` is the
    largest possible value of an image measure. `timed`: a busy machine changes it.
    """

    name: str
    words: str
    better: BetterDirection
    margin: float
    photos: ImageMeasure | None = None
    run: RunMeasure | None = None
    needs: str = ""
    exact: bool = False
    relative: bool = False
    timed: bool = False
    highest: float = 1.0


def measures(classes: ClassSet) -> dict[str, Measure]:
    """Return every measure for this class set, by name."""
    every = (*_clean_measures(classes), *_robustness_measures(classes), *_run_measures())
    return {measure.name: measure for measure in every}


def _clean_measures(classes: ClassSet) -> list[Measure]:
    """Return the measures on the clean test images."""
    small, large = classes.small, measure_functions.large_parts(classes)
    foreground = tuple(range(1, len(classes)))
    not_small = tuple(index for index in foreground if index not in small)
    collected = [
        _iou("iou", "IoU, mean over foreground classes", foreground),
        _image_measure("dice", "Dice, mean over foreground classes", measure_functions.dice),
        _iou("iou_large", "IoU of the large parts (skin, hair)", large),
        _image_measure("boundary_iou", "boundary IoU", measure_functions.boundary_iou),
        Measure(
            name="outline_length",
            words="length of all outlines, divided by the true length (shorter is smoother)",
            better="low",
            margin=0.02,
            photos=measure_functions.outline_length,
            highest=math.inf,
        ),
        *(
            _iou(f"iou/{name}", f"IoU of {name.replace('_', ' ')}", (index,))
            for index, name in enumerate(classes.names)
            if index
        ),
    ]
    if small and not_small:
        boundary = partial(measure_functions.boundary_iou, chosen=not_small)
        words = "boundary IoU of the parts that are not small"
        collected.append(_image_measure("boundary_large", words, boundary))
    if small:
        collected.append(_iou("iou_small", "IoU of the small parts", small))
    return collected


def _iou(name: str, words: str, chosen: tuple[int, ...]) -> Measure:
    return _image_measure(name, words, partial(measure_functions.iou, chosen=chosen))


def _image_measure(name: str, words: str, photos: ImageMeasure) -> Measure:
    return Measure(name=name, words=words, better="high", margin=SMALLEST_USEFUL, photos=photos)


def _robustness_measures(classes: ClassSet) -> list[Measure]:
    """Return the measures under occlusion, corruption and changes of geometry."""
    collected = []
    for suite, condition in (
        ("occlusion", "under occlusion"),
        ("corruption", "under corruption"),
        ("geometry", "under changes of geometry"),
    ):
        setting = f"robustness.{'kinds' if suite == 'occlusion' else suite}"
        needs = f"set {setting} to one kind or more"
        collected += _retention_and_iou(suite, f"{suite}/mean", condition, None, needs)
        for kind in SUITES[suite].kinds(classes):
            under_kind = f"under {kind.replace('_', ' ')}"
            needs = f"set {setting}: [{kind}]"
            collected += _retention_and_iou(suite, f"{suite}/{kind}", under_kind, (kind,), needs)
    scale = ("resolution", "framing")
    needs = f"set robustness.geometry: [{', '.join(scale)}]"
    condition = "as the scale of the face changes"
    return [*collected, *_retention_and_iou("geometry", "scale", condition, scale, needs)]


def _retention_and_iou(
    suite: str, name: str, condition: str, kinds: tuple[str, ...] | None, needs: str
) -> list[Measure]:
    """Return the share of the IoU that is kept and the IoU itself, means over kinds of a suite."""
    retention, iou = (
        partial(measure_functions.suite_score, suite=suite, kinds=kinds, relative=relative)
        for relative in (True, False)
    )
    return [
        Measure(
            name=f"{name}/retention",
            words=f"share of the IoU kept {condition}",
            better="high",
            margin=0.02,
            photos=retention,
            needs=needs,
            relative=True,
            highest=math.inf,  # a mild corruption may raise the score
        ),
        Measure(
            name=f"{name}/iou",
            words=f"IoU {condition}",
            better="high",
            margin=SMALLEST_USEFUL,
            photos=iou,
            needs=needs,
        ),
    ]


def _run_measures() -> list[Measure]:
    """Return the measures of speed, size and training."""
    logged = measure_functions.logged_metric
    lower = partial(Measure, better="low", needs=RERUN)
    return [
        lower(
            name="latency",
            words="median time for one image",
            margin=0.1,
            run=logged("latency/p50_ms"),
            timed=True,
        ),
        lower(
            name="memory",
            words="peak memory of a process that serves the model",
            margin=0.05,
            run=logged("memory/peak_mb"),
        ),
        lower(
            name="parameters",
            words="parameters",
            margin=0.05,
            run=logged("model/parameters"),
            exact=True,
        ),
        lower(
            name="size",
            words="size on disk",
            margin=0.05,
            run=logged("model/size_mb"),
            exact=True,
        ),
        lower(
            name="convergence",
            words="epochs until 90 % of the best validation IoU",
            margin=0.1,
            run=measure_functions.epochs_to_converge,
        ),
        Measure(
            name="iou_per_ms",
            words="IoU divided by the median time for one image in ms",
            better="high",
            margin=0.1,
            run=measure_functions.iou_per_ms,
            timed=True,
            needs=RERUN,
        ),
    ]
