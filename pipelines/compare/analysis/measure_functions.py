"""Compute measures: overlaps and their score for image measures, a number for run measures.

Shapes: S seeds, N images, K conditions (the clean one first), C classes; T stands for the axes
of one image's overlaps.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.metrics.confusion_matrix import Fractions, ratio
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.statistics import (
    Estimate,
    Score,
    condition_overlap_counts,
    kind_scores,
    mean_dice,
    mean_iou,
    overlap_counts,
)
from pipelines.compare.study_data.study_results import FinalRun


class ImageOverlaps(NamedTuple):
    """The overlaps of a model's final runs (S, N, *T), the score of a sum, and the image ids."""

    overlaps: NDArray[np.generic]
    score: Score
    ids: tuple[str, ...]


def large_parts(classes: ClassSet) -> tuple[int, ...]:
    """Return the ids of skin and, if the class set has it, hair."""
    return (classes.skin,) if classes.hair is None else (classes.skin, classes.hair)


def iou(finals: Sequence[FinalRun], classes: ClassSet, chosen: tuple[int, ...]) -> ImageOverlaps:
    """Measure the mean IoU of the chosen classes."""
    return _on_test_images(finals, _overlaps(finals), partial(mean_iou, classes=chosen))


def dice(finals: Sequence[FinalRun], classes: ClassSet) -> ImageOverlaps:
    """Measure the mean Dice of the foreground classes."""
    return _on_test_images(finals, _overlaps(finals), mean_dice)


def boundary_iou(
    finals: Sequence[FinalRun], classes: ClassSet, chosen: tuple[int, ...] | None = None
) -> ImageOverlaps:
    """Measure the mean boundary IoU of the chosen classes; None means the foreground."""
    edges = np.stack([final.tested.boundary for final in finals])
    return _on_test_images(finals, edges, partial(mean_iou, classes=chosen))


def outline_length(finals: Sequence[FinalRun], classes: ClassSet) -> ImageOverlaps:
    """Measure the length of all predicted outlines, divided by that of the true ones."""
    lengths = np.stack([final.tested.outline for final in finals])
    return _on_test_images(finals, lengths, _outline_ratio)


def suite_score(
    finals: Sequence[FinalRun],
    classes: ClassSet,
    suite: str,
    kinds: tuple[str, ...] | None,
    relative: bool,
) -> ImageOverlaps | None:
    """Measure the mean over kinds of the IoU under a robustness suite.

    Args:
        finals: The S final runs of a model.
        classes: Not used; every image measure has this parameter.
        suite: A name in `faceseg.robustness.suites.SUITES`.
        kinds: The kinds to average; None means all that were run.
        relative: Divide each kind's score by the clean IoU (the share that is kept).

    Returns:
        Overlaps (S, N, K, C, 2) and their score; None if a kind was not run.
    """
    version, by_share = SUITES[suite].version, SUITES[suite].by_share
    by_final = [final.records.suite(version) for final in finals]
    run_kinds = list(dict.fromkeys(each.kind for each in by_final[0] if each.kind != CLEAN))
    chosen = run_kinds if kinds is None else list(kinds)
    if not chosen or not set(chosen) <= set(run_kinds):
        return None
    policy = SUITES[suite].policies[0]
    conditions = [each for each in by_final[0] if each.kind in {CLEAN, *chosen}]
    overlaps = np.stack(
        [condition_overlap_counts(_same_conditions(each, conditions), policy) for each in by_final]
    )
    score = partial(
        _mean_kind_score, conditions=conditions, kinds=chosen, by_share=by_share, relative=relative
    )
    return ImageOverlaps(overlaps, score, finals[0].records.ids[: overlaps.shape[1]])


def _on_test_images(
    finals: Sequence[FinalRun], overlaps: NDArray[np.generic], score: Score
) -> ImageOverlaps:
    return ImageOverlaps(overlaps, score, finals[0].tested.ids)


def _overlaps(finals: Sequence[FinalRun]) -> NDArray[np.generic]:
    return np.stack([overlap_counts(final.tested.counts) for final in finals])


def _outline_ratio(lengths: Fractions) -> Fractions:
    return ratio(lengths[..., 0], lengths[..., 1])


def _same_conditions(
    conditions: Sequence[Condition], wanted: Sequence[Condition]
) -> list[Condition]:
    """Return the conditions of one final run in the order of another's, by kind and severity."""
    by_key = {(each.kind, each.severity): each for each in conditions}
    return [by_key[each.kind, each.severity] for each in wanted]


def _mean_kind_score(
    overlaps: Fractions,
    conditions: Sequence[Condition],
    kinds: Sequence[str],
    *,
    by_share: bool,
    relative: bool,
) -> Fractions:
    """Return the mean over the kinds: (..., K, C, 2) -> (...)."""
    scores = kind_scores(overlaps, conditions, kinds, by_share=by_share, relative=relative)
    return scores[..., -1]


# --- Run measures, and the difference of two models in one.
#
# Speed and size differ by factors ("twice as fast"), so models are compared by the logarithm of
# the ratio. A model has one value per final run, and the interval is that of Welch's t-test.

ROUNDING = 1e-12
CONVERGED_SHARE = 0.9  # of the best validation IoU


def logged_metric(metric: str) -> Callable[[FinalRun], float]:
    """Return a function that reads a logged metric of a final run; NaN if it has no value."""
    return lambda final: final.metric(metric)


def epochs_to_converge(final: FinalRun) -> float:
    """Return the first epoch with 90 % of the best validation IoU; NaN for an untrained model."""
    if final.history.empty:
        return math.nan
    values = final.history["val/iou"].to_numpy(dtype=float)
    if not np.isfinite(values).any() or not np.nanmax(values) > 0:
        return math.nan
    row = int(np.argmax(values >= CONVERGED_SHARE * np.nanmax(values)))
    return float(final.history["epoch"].iloc[row])


def iou_per_ms(final: FinalRun) -> float:
    """Return the test IoU divided by the median time for one image in ms."""
    return final.metric("test/iou") / final.metric("latency/p50_ms")


def log_ratio(first: Sequence[float], second: Sequence[float], *, exact: bool) -> Estimate:
    """Return the natural logarithm of the ratio of two models' geometric means.

    Args:
        first: One positive value per final run of the first model.
        second: The same for the second model.
        exact: The values do not vary between runs, so the interval is the value itself.

    Returns:
        The logarithm with its 95 % interval; the interval is NaN where a model has one run only
        and the values are not exact.
    """
    one, other = np.log(first), np.log(second)
    value = float(one.mean() - other.mean())
    low, high = (value, value) if exact else _welch(one, other, value)
    return Estimate(
        value=value,
        low=low,
        high=high,
        fixed_low=low,
        fixed_high=high,
        photos=0,
        seeds=(len(one), len(other)),
    )


def _welch(one: np.ndarray, other: np.ndarray, value: float) -> tuple[float, float]:
    if min(len(one), len(other)) < 2:
        return math.nan, math.nan
    if max(np.ptp(one), np.ptp(other)) < ROUNDING:
        return value, value
    # scipy warns if all runs of one model are equal; statsmodels computes the interval silently.
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    compared = CompareMeans(DescrStatsW(one), DescrStatsW(other))
    low, high = compared.tconfint_diff(usevar="unequal")
    return float(low), float(high)
