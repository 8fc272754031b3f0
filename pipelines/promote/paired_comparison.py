"""The differences in IoU between a candidate and the champion: overall, by class, slice and kind.

The same resampled photographs are used for both and for everything that is compared. Two single
networks are compared, not two training procedures, so training noise plays no part.

Shapes: N test images, n of them in the suites, C classes, G groups of numbers, R resamples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from faceseg.data.split import photo_of
from faceseg.errors import UserError
from faceseg.evaluation.slices import slice_images
from faceseg.metrics.confusion_matrix import Counts, Fractions, ratio
from faceseg.robustness.conditions import Condition
from faceseg.robustness.suites import CLEAN, SUITES
from faceseg.statistics import (
    Estimate,
    ResampledScore,
    Resampling,
    condition_overlap_counts,
    estimate,
    estimate_difference,
    kind_scores,
    mean_iou,
    overlap_counts,
)
from pipelines.promote.scored_version import ScoredVersion

DifferenceGroup = Literal["test", "class", "slice", "occlusion", "corruption", "geometry"]
Scores = Callable[[Fractions], Fractions]  # summed overlaps (..., *T) -> (..., G)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """One IoU of the candidate and of the champion, and the difference.

    Attributes:
        group: What is compared: the test, a class, a slice or a kind of a suite.
        name: The name within the group; a suite's mean over its kinds is `mean`.
        candidate: The candidate's IoU.
        champion: The champion's IoU.
        estimate: Candidate minus champion.
    """

    group: DifferenceGroup
    name: str
    candidate: Estimate
    champion: Estimate
    estimate: Estimate


@dataclass(frozen=True)
class VersionComparison:
    """All differences; `not_compared` explains in sentences what could not be compared."""

    rows: tuple[PairedDifference, ...]
    not_compared: tuple[str, ...]

    def find(self, group: DifferenceGroup, name: str) -> PairedDifference | None:
        """Return the difference of this name, or None."""
        return next((row for row in self.rows if (row.group, row.name) == (group, name)), None)


def compare_versions(
    candidate: ScoredVersion, champion: ScoredVersion, resamples: int = 10_000, level: float = 0.95
) -> VersionComparison:
    """Compare two versions that were tested on the same images (see `check_comparable`).

    Args:
        candidate: The candidate.
        champion: The champion.
        resamples: The number of bootstrap resamples.
        level: The coverage of the intervals.

    Raises:
        UserError: The candidate lacks a condition of the champion, or the occluders differ.
    """
    compare = partial(_compare, resamples=resamples, level=level)
    counts, other = candidate.tested.counts, champion.tested.counts
    ids = candidate.tested.ids
    overlaps, others = overlap_counts(counts), overlap_counts(other)
    rows = compare("test", ["iou"], (overlaps, others), _mean_score, ids)
    rows += compare("class", candidate.classes.names[1:], (overlaps, others), _class_scores, ids)
    facts = candidate.records.facts or champion.records.facts
    not_compared: list[str] = []
    if any(facts):
        found = slice_images(facts)
        members = np.array([each.members for each in found.kept])
        if found.left_out:
            not_compared.append(f"slices skipped: {'; '.join(found.left_out)}")
        if len(members):
            rows += compare(
                "slice",
                [each.name for each in found.kept],
                (_by_slice(overlaps, members), _by_slice(others, members)),
                mean_iou,
                ids,
            )
    else:
        not_compared.append("slices: the records contain no facts of single images")
    for suite in SUITES:
        more, missing = _compare_suite(suite, candidate, champion, compare)
        rows += more
        not_compared += missing
    return VersionComparison(
        tuple(row for row in rows if np.isfinite(row.estimate.value)), tuple(not_compared)
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
    """Score the overlaps (N, *T) of both in G groups, with one pass of the resampling each."""
    resampling = Resampling(tuple(photo_of(name) for name in ids), resamples)
    first, second = (_resampled(overlaps, scores, resampling) for overlaps in pair)
    return [
        PairedDifference(
            group=group,
            name=name,
            candidate=estimate(one, level),
            champion=estimate(two, level),
            estimate=estimate_difference(one, two, level),
        )
        for name, one, two in zip(names, first, second, strict=True)
    ]


def _resampled(
    overlaps: NDArray[np.generic], scores: Scores, resampling: Resampling
) -> list[ResampledScore]:
    values = scores(overlaps.sum(axis=0).astype(np.float64))
    draws = resampling.resampled_scores(overlaps, scores)
    return [
        ResampledScore(values[index : index + 1], draws[None, :, index], resampling)
        for index in range(len(values))
    ]


def _mean_score(overlaps: Fractions) -> Fractions:
    return mean_iou(overlaps)[..., None]


def _class_scores(overlaps: Fractions) -> Fractions:
    return ratio(overlaps[..., 1:, 0], overlaps[..., 1:, 1])


def _by_slice(overlaps: Counts, members: NDArray[np.bool_]) -> Counts:
    """Return overlaps (N, G, C, 2), 0 where an image is not in the slice; members (G, N)."""
    return np.asarray(overlaps[:, None] * members.T[:, :, None, None])


def _compare_suite(
    suite: str,
    candidate: ScoredVersion,
    champion: ScoredVersion,
    compare: Callable[..., list[PairedDifference]],
) -> tuple[list[PairedDifference], list[str]]:
    """Compare the IoU under each kind of a suite, and the mean over the kinds that both have."""
    conditions, reference = (
        {(each.kind, each.severity): each for each in one.records.suite(SUITES[suite].version)}
        for one in (candidate, champion)
    )
    if not reference and not conditions:
        return [], []
    kinds = list(dict.fromkeys(kind for kind, _ in conditions if kind != CLEAN))
    wanted = {key for key in reference if key[0] != CLEAN}
    wanted_kinds = {kind for kind, _ in wanted}
    not_compared = [
        f"{suite} {kind}: {champion.name} was not evaluated on it"
        for kind in kinds
        if kind not in wanted_kinds
    ]
    if missing := sorted({kind for kind, _ in wanted - set(conditions)}):
        raise UserError(
            f"{candidate.name} was not evaluated on {', '.join(missing)} of {suite}, but"
            f" {champion.name} was, so a drop there cannot be excluded. Add these kinds to the"
            " study, under robustness, and run it under another name"
        )
    kinds = [kind for kind in kinds if kind in wanted_kinds]
    if not kinds:
        return [], not_compared
    keys = [key for key in conditions if key[0] in {CLEAN, *kinds}]
    pairs = [(conditions[key], reference[key]) for key in keys]
    _check_same_occluders(suite, candidate, champion, pairs)
    images = min(len(each.coverage) for pair in pairs for each in pair)
    policy = SUITES[suite].policies[0]
    overlaps, others = (
        condition_overlap_counts([each[key] for key in keys], policy, images)
        for each in (conditions, reference)
    )
    score = partial(
        kind_scores,
        conditions=[conditions[key] for key in keys],
        kinds=kinds,
        by_share=SUITES[suite].by_share,
    )
    ids = candidate.records.ids[:images]
    return compare(suite, [*kinds, "mean"], (overlaps, others), score, ids), not_compared


def _check_same_occluders(
    suite: str,
    candidate: ScoredVersion,
    champion: ScoredVersion,
    pairs: Sequence[tuple[Condition, Condition]],
) -> None:
    """Raise UserError if two occluders of one name covered different parts of the images."""
    for own, other in pairs:
        images = min(len(own.coverage), len(other.coverage))
        if (own.coverage[:images] != other.coverage[:images]).any():
            raise UserError(
                f"{candidate.name} and {champion.name} were evaluated on different drawings of"
                f" {own.kind} ({suite}), because different versions of this program tested them."
                " Run the champion's study again with this version"
            )
