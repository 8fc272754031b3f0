"""How much a candidate gains on the champion: IoU, classes, slices, kinds of each suite.

Photographs are resampled alike for both, and alike for all that is compared. Two single networks
are compared, not two ways to train: training noise has no part in it.

Shapes: N test images, n of them in the suites, C classes, G groups of numbers, R resamples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceseg.data.split import photo_of
from faceseg.errors import UserError
from faceseg.evaluation.slices import slice_images
from faceseg.metrics.confusion_matrix import Counts, Fractions, mean_of_defined, ratio
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.statistics import (
    Estimate,
    ResampledScore,
    Resampling,
    area_under_curve,
    estimate,
    estimate_difference,
    mean_iou,
    overlap_counts,
)
from pipelines.promote.scored_version import ScoredVersion

DifferenceGroup = Literal["test", "class", "slice", "occlusion", "corruption", "geometry"]
ConditionKey = tuple[str, float]  # kind and severity
Scores = Callable[[Fractions], Fractions]  # summed tallies (..., *T) -> (..., G)


@dataclass(frozen=True)
class PairedDifference:
    """One IoU of both, and of candidate less champion. A suite's mean over its kinds is 'mean'."""

    group: DifferenceGroup
    name: str
    candidate: Estimate
    champion: Estimate
    estimate: Estimate


@dataclass(frozen=True)
class PairedComparison:
    """Everything compared; `left_out` says in sentences what could not be."""

    rows: tuple[PairedDifference, ...]
    not_compared: tuple[str, ...]

    def find(self, group: DifferenceGroup, name: str) -> PairedDifference | None:
        """Return one by name."""
        return next((row for row in self.rows if (row.group, row.name) == (group, name)), None)


def compare_versions(
    candidate: ScoredVersion, champion: ScoredVersion, resamples: int = 10_000, level: float = 0.95
) -> PairedComparison:
    """Compare two that are comparable (`check_comparable`)."""
    compare = partial(_compare, resamples=resamples, level=level)
    counts, other = candidate.tested.counts, champion.tested.counts
    ids = candidate.tested.ids
    tallies, others = overlap_counts(counts), overlap_counts(other)
    rows = compare("test", ["iou"], (tallies, others), _mean_score, ids)
    rows += compare("class", candidate.classes.names[1:], (tallies, others), _class_scores, ids)
    known = candidate.records.facts or champion.records.facts
    left_out: list[str] = []
    if any(known):
        found = slice_images(known)
        members = np.array([each.members for each in found.kept])
        if found.left_out:
            left_out.append(f"slices left out: {'; '.join(found.left_out)}")
        if len(members):
            rows += compare(
                "slice",
                [each.name for each in found.kept],
                (_by_slice(tallies, members), _by_slice(others, members)),
                mean_iou,
                ids,
            )
    else:
        left_out.append("slices: the records hold no facts of single images")
    for suite in SUITES:
        more, missing = _compare_suite(suite, candidate, champion, compare)
        rows += more
        left_out += missing
    return PairedComparison(
        tuple(row for row in rows if np.isfinite(row.estimate.value)), tuple(left_out)
    )


def _compare(
    group: DifferenceGroup,
    names: Sequence[str],
    pair: tuple[NDArray[np.generic], NDArray[np.generic]],
    scores: Scores,
    ids: Sequence[str],
    *,
    resamples: int,
    level: float,
) -> list[PairedDifference]:
    """Score the pair's tallies (N, *T) in G groups at once, one pass of the resampling for each."""
    resampling = Resampling(tuple(photo_of(name) for name in ids), resamples)
    first, second = (_measured(tallies, scores, resampling) for tallies in pair)
    return [
        PairedDifference(
            group,
            name,
            estimate(one, level),
            estimate(two, level),
            estimate_difference(one, two, level),
        )
        for name, one, two in zip(names, first, second, strict=True)
    ]


def _measured(
    tallies: NDArray[np.generic], scores: Scores, resampling: Resampling
) -> list[ResampledScore]:
    values = scores(tallies.sum(axis=0).astype(np.float64))
    draws = resampling.resampled_scores(tallies, scores)
    return [
        ResampledScore(values[place : place + 1], draws[None, :, place], resampling)
        for place in range(len(values))
    ]


def _mean_score(tallies: Fractions) -> Fractions:
    return mean_iou(tallies)[..., None]


def _class_scores(tallies: Fractions) -> Fractions:
    return ratio(tallies[..., 1:, 0], tallies[..., 1:, 1])


def _by_slice(tallies: Counts, members: NDArray[np.bool_]) -> Counts:
    """Return tallies (N, G, C, 2), 0 where an image is not in the slice; members (G, N)."""
    return np.asarray(tallies[:, None] * members.T[:, :, None, None])


def _compare_suite(
    suite: str,
    candidate: ScoredVersion,
    champion: ScoredVersion,
    compare: Callable[..., list[PairedDifference]],
) -> tuple[list[PairedDifference], list[str]]:
    """Compare the IoU under each kind of a suite, and its mean over the kinds that both have."""
    mine, its = (
        {(each.kind, each.severity): each for each in one.records.suite(SUITES[suite].version)}
        for one in (candidate, champion)
    )
    if not its and not mine:
        return [], []
    kinds = list(dict.fromkeys(kind for kind, _ in mine if kind != CLEAN))
    wanted = {key for key in its if key[0] != CLEAN}
    left_out = [
        f"{suite} {kind}: {champion.name} was not put through it"
        for kind in kinds
        if not any(kind == had for had, _ in wanted)
    ]
    if missing := sorted({kind for kind, _ in wanted - set(mine)}):
        raise UserError(
            f"{candidate.name} was not put through {', '.join(missing)} of {suite}, and"
            f" {champion.name} was: that it does not fall there cannot be shown. Give the study"
            " those kinds, under robustness, and run it again under another name"
        )
    kinds = [kind for kind in kinds if any(kind == had for had, _ in wanted)]
    if not kinds:
        return [], left_out
    keys = [key for key in mine if key[0] in {CLEAN, *kinds}]
    _check_same_occluders(suite, candidate, champion, [(mine[key], its[key]) for key in keys])
    images = min(len(each.coverage) for key in keys for each in (mine[key], its[key]))
    policy = SUITES[suite].policies[0]
    tallies, others = (_by_condition(all_of, keys, policy, images) for all_of in (mine, its))
    score = partial(_kind_scores, conditions=[mine[key] for key in keys], kinds=kinds, suite=suite)
    ids = candidate.records.ids[:images]
    return compare(suite, [*kinds, "mean"], (tallies, others), score, ids), left_out


def _by_condition(
    conditions: Mapping[ConditionKey, Condition],
    keys: Sequence[ConditionKey],
    policy: str,
    images: int,
) -> Counts:
    """Return the tallies of the first `images`, (n, conditions, C, 2)."""
    counts = [conditions[key].counts[policy][:images].astype(np.int64) for key in keys]
    return np.stack([overlap_counts(each) for each in counts], axis=1)


def _kind_scores(
    tallies: Fractions, conditions: Sequence[Condition], kinds: Sequence[str], suite: str
) -> Fractions:
    """Score each kind, and their mean last: (..., 1 + conditions, C, 2) -> (..., kinds + 1).

    As `scoring.summaries`: of occlusion the area over the share of the face that is covered.
    """
    scores = []
    for kind in kinds:
        places = [place for place, each in enumerate(conditions) if each.kind == kind]
        if SUITES[suite].by_share:
            shares = [conditions[place].share for place in places]
            scores.append(area_under_curve(tallies[..., [0, *places], :, :], mean_iou, shares))
        else:
            scores.append(mean_of_defined(mean_iou(tallies[..., places, :, :])))
    return np.stack([*scores, np.mean(scores, axis=0)], axis=-1)


def _check_same_occluders(
    suite: str,
    candidate: ScoredVersion,
    champion: ScoredVersion,
    pairs: Sequence[tuple[Condition, Condition]],
) -> None:
    """UserError if two occluders of one name covered different parts of the same images."""
    for mine, its in pairs:
        images = min(len(mine.coverage), len(its.coverage))
        if (mine.coverage[:images] != its.coverage[:images]).any():
            raise UserError(
                f"{candidate.name} and {champion.name} were put through different drawings of"
                f" {mine.kind} ({suite}): they were tested by different versions of this program."
                " Run the study that made the champion again with this one"
            )
