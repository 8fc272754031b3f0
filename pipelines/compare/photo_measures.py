"""How measures on photographs are taken: tallies of each image, and the score of their sum.

Shapes: S seeds, N images, C classes, K severities, F kinds.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceseg.classes import ClassSet
from faceseg.metrics import Fractions, ratio
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import SUITES
from faceseg.robustness.views import CLEAN
from faceseg.statistics import Score, area, mean_dice, mean_iou, overlaps, retention
from pipelines.compare.collect import Final


class Taken(NamedTuple):
    """Tallies (S, N, *T) of a network's finals, the score of their sum, the N images' names."""

    tallies: NDArray[np.generic]
    score: Score
    ids: tuple[str, ...]


def large_parts(classes: ClassSet) -> tuple[int, ...]:
    """Return the ids of skin and hair."""
    return (classes.skin,) if classes.hair is None else (classes.skin, classes.hair)


def iou(finals: Sequence[Final], classes: ClassSet, chosen: tuple[int, ...]) -> Taken:
    """Take the mean IoU of some classes."""
    return _tested(finals, _overlaps(finals), partial(mean_iou, classes=chosen))


def dice(finals: Sequence[Final], classes: ClassSet) -> Taken:
    """Take the mean Dice of the foreground classes."""
    return _tested(finals, _overlaps(finals), mean_dice)


def outlines(
    finals: Sequence[Final], classes: ClassSet, chosen: tuple[int, ...] | None = None
) -> Taken:
    """Take the mean boundary IoU of some classes; None: the foreground."""
    edges = np.stack([final.tested.boundary for final in finals])
    return _tested(finals, edges, partial(mean_iou, classes=chosen))


def outline_length(finals: Sequence[Final], classes: ClassSet) -> Taken:
    """Take the length of all outlines as a share of the truth's."""
    lengths = np.stack([final.tested.outline for final in finals])
    return _tested(finals, lengths, _part_of_truth)


def under(
    finals: Sequence[Final],
    classes: ClassSet,
    suite: str,
    kinds: tuple[str, ...] | None,
    kept: bool,
) -> Taken | None:
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
    return Taken(tallies, partial(_mean_of_parts, parts=parts), ids)


def _tested(finals: Sequence[Final], tallies: NDArray[np.generic], score: Score) -> Taken:
    return Taken(tallies, score, finals[0].tested.ids)


def _overlaps(finals: Sequence[Final]) -> NDArray[np.generic]:
    return np.stack([overlaps(final.tested.counts) for final in finals])


def _part_of_truth(lengths: Fractions) -> Fractions:
    return ratio(lengths[..., 0], lengths[..., 1])


def _by_condition(
    conditions: Sequence[Condition], wanted: Sequence[Condition], policy: str
) -> NDArray[np.generic]:
    """Return the tallies of the wanted conditions, (N, 1 + F x K, C, 2)."""
    found = {(each.kind, each.severity): each for each in conditions}
    counts = [found[each.kind, each.severity].counts[policy].astype(np.int64) for each in wanted]
    return np.stack([overlaps(each) for each in counts], axis=1)


class _Part(NamedTuple):
    """One kind: its places among the conditions, and the score of clean and them together."""

    places: list[int]
    score: Score


def _part(wanted: Sequence[Condition], kind: str, *, by_share: bool, kept: bool) -> _Part:
    places = [place for place, each in enumerate(wanted) if each.kind == kind]
    if by_share:
        shares = [wanted[place].share for place in places]
        curve = retention if kept else area
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
