"""How measures on photographs are taken: tallies of each image, and the score of their sum.

Shapes: S seeds, N images, C classes, K severities, F kinds.
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
    area_under_curve,
    mean_dice,
    mean_iou,
    overlap_counts,
    retention,
)
from pipelines.compare.study_data.study_results import FinalRun


class ImageTallies(NamedTuple):
    """Tallies (S, N, *T) of a network's finals, the score of their sum, the N images' names."""

    tallies: NDArray[np.generic]
    score: Score
    ids: tuple[str, ...]


def large_parts(classes: ClassSet) -> tuple[int, ...]:
    """Return the ids of skin and hair."""
    return (classes.skin,) if classes.hair is None else (classes.skin, classes.hair)


def iou(finals: Sequence[FinalRun], classes: ClassSet, chosen: tuple[int, ...]) -> ImageTallies:
    """Take the mean IoU of some classes."""
    return _on_test_images(finals, _overlaps(finals), partial(mean_iou, classes=chosen))


def dice(finals: Sequence[FinalRun], classes: ClassSet) -> ImageTallies:
    """Take the mean Dice of the foreground classes."""
    return _on_test_images(finals, _overlaps(finals), mean_dice)


def boundary_iou(
    finals: Sequence[FinalRun], classes: ClassSet, chosen: tuple[int, ...] | None = None
) -> ImageTallies:
    """Take the mean boundary IoU of some classes; None: the foreground."""
    edges = np.stack([final.tested.boundary for final in finals])
    return _on_test_images(finals, edges, partial(mean_iou, classes=chosen))


def outline_length(finals: Sequence[FinalRun], classes: ClassSet) -> ImageTallies:
    """Take the length of all outlines as a share of the truth's."""
    lengths = np.stack([final.tested.outline for final in finals])
    return _on_test_images(finals, lengths, _outline_ratio)


def suite_score(
    finals: Sequence[FinalRun],
    classes: ClassSet,
    suite: str,
    kinds: tuple[str, ...] | None,
    kept: bool,
) -> ImageTallies | None:
    """Take the mean over kinds (None: all that were run) of the IoU, or of the share kept.

    As `scoring.summaries`: of occlusion the area over the share of the face covered, of the
    others the plain mean over severities. None where a kind was not run.
    """
    version, by_share = SUITES[suite].version, SUITES[suite].by_share
    by_final = [final.records.suite(version) for final in finals]
    run = list(dict.fromkeys(each.kind for each in by_final[0] if each.kind != CLEAN))
    chosen = run if kinds is None else list(kinds)
    if not chosen or not set(chosen) <= set(run):
        return None
    policy = SUITES[suite].policies[0]
    wanted = [each for each in by_final[0] if each.kind in {CLEAN, *chosen}]
    tallies = np.stack([_by_condition(each, wanted, policy) for each in by_final])
    parts = [_part(wanted, kind, by_share=by_share, kept=kept) for kind in chosen]
    ids = finals[0].records.ids[: tallies.shape[1]]
    return ImageTallies(tallies, partial(_mean_of_parts, parts=parts), ids)


def _on_test_images(
    finals: Sequence[FinalRun], tallies: NDArray[np.generic], score: Score
) -> ImageTallies:
    return ImageTallies(tallies, score, finals[0].tested.ids)


def _overlaps(finals: Sequence[FinalRun]) -> NDArray[np.generic]:
    return np.stack([overlap_counts(final.tested.counts) for final in finals])


def _outline_ratio(lengths: Fractions) -> Fractions:
    return ratio(lengths[..., 0], lengths[..., 1])


def _by_condition(
    conditions: Sequence[Condition], wanted: Sequence[Condition], policy: str
) -> NDArray[np.generic]:
    """Return the tallies of the wanted conditions, (N, 1 + F x K, C, 2)."""
    found = {(each.kind, each.severity): each for each in conditions}
    counts = [found[each.kind, each.severity].counts[policy].astype(np.int64) for each in wanted]
    return np.stack([overlap_counts(each) for each in counts], axis=1)


class _Part(NamedTuple):
    """One kind: its places among the conditions, and the score of clean and them together."""

    places: list[int]
    score: Score


def _part(wanted: Sequence[Condition], kind: str, *, by_share: bool, kept: bool) -> _Part:
    places = [place for place, each in enumerate(wanted) if each.kind == kind]
    if by_share:
        shares = [wanted[place].share for place in places]
        curve = retention if kept else area_under_curve
        return _Part([0, *places], partial(curve, score=mean_iou, shares=shares))
    return _Part([0, *places], partial(_plain_mean, kept=kept))


def _plain_mean(tallies: Fractions, kept: bool) -> Fractions:
    """Average the IoU over severities, all alike; `kept`: as a share of the clean one's."""
    scores = mean_iou(tallies)
    mean: Fractions = scores[..., 1:].mean(axis=-1)
    return ratio(mean, scores[..., 0]) if kept else mean


def _mean_of_parts(tallies: Fractions, parts: Sequence[_Part]) -> Fractions:
    """Average over kinds: (..., 1 + F x K, C, 2) -> (...)."""
    scores = [part.score(tallies[..., part.places, :, :]) for part in parts]
    mean: Fractions = np.mean(scores, axis=0)
    return mean


# --- How measures of machines and trainings are taken, and how two networks differ in them.
#
# They are ratios at heart (twice as fast), so they are compared by their logarithms. A network has
# as many of them as finals: Welch's t-test tells how sure a difference is.

ROUNDING = 1e-12
CONVERGED_SHARE = 0.9  # of the best validation IoU: when a training has done most of its way


def logged_metric(metric: str) -> Callable[[FinalRun], float]:
    """Return how to read a logged metric."""
    return lambda final: final.metrics.get(metric, math.nan)


def epochs_to_converge(final: FinalRun) -> float:
    """Return the first epoch that reaches 90 % of the best validation IoU; NaN if untrained."""
    if final.history.empty:
        return math.nan
    values = final.history["val/iou"].to_numpy(dtype=float)
    if not np.isfinite(values).any() or not np.nanmax(values) > 0:
        return math.nan
    reached = int(np.argmax(values >= CONVERGED_SHARE * np.nanmax(values)))
    return float(final.history["epoch"].iloc[reached])


def iou_per_ms(final: FinalRun) -> float:
    """Return the test IoU divided by the median time of an image."""
    return logged_metric("test/iou")(final) / logged_metric("latency/p50_ms")(final)


def log_ratio(first: Sequence[float], second: Sequence[float], *, exact: bool) -> Estimate:
    """Return the logarithm of the first network's mean over the second's, with its interval.

    exact: no chance is in the numbers, and the interval is the value itself. It is NaN where
    one of the networks has one run only. Means are geometric.
    """
    one, other = np.log(first), np.log(second)
    value = float(one.mean() - other.mean())
    low, high = (value, value) if exact else _welch(one, other, value)
    return Estimate(value, low, high, low, high, 0, (len(one), len(other)))


def _welch(one: np.ndarray, other: np.ndarray, value: float) -> tuple[float, float]:
    if min(len(one), len(other)) < 2:
        return math.nan, math.nan
    if max(np.ptp(one), np.ptp(other)) < ROUNDING:
        return value, value
    # scipy's test warns of runs that came out equal; statsmodels' takes them as they are.
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    compared = CompareMeans(DescrStatsW(one), DescrStatsW(other))
    low, high = compared.tconfint_diff(usevar="unequal")
    return float(low), float(high)
