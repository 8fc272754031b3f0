"""Every two contenders compared on the same test images: how far apart, and how sure that is."""

from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from faceseg.statistics import SignedRank, holm, signed_rank
from pipelines.compare.evidence import Comparison, Evidence


@dataclass(frozen=True)
class Pair:
    """The test IoU of two contenders: the difference, and the ranks of single photographs.

    `adjusted` is the p-value after Holm, over all pairs of the comparison.
    """

    comparison: Comparison
    rank: SignedRank
    adjusted: float

    @property
    def words(self) -> str:
        """The verdict in words."""
        return winner_of(self.comparison)


def pairs(evidence: Evidence, table: pd.DataFrame) -> list[Pair]:
    """Compare every two contenders, the better one of the table first."""
    found = []
    for first, second in combinations([str(name) for name in table["architecture"]], 2):
        comparison = evidence.compare(first, second, "iou", margin=0.0)
        if isinstance(comparison, str):  # all background: no IoU anywhere
            continue
        found.append(
            (
                comparison,
                signed_rank(evidence.images(first), evidence.images(second), evidence.photos),
            )
        )
    adjusted = holm([rank.p_value for _, rank in found])
    return [
        Pair(comparison, rank, p_value)
        for (comparison, rank), p_value in zip(found, adjusted, strict=True)
    ]


def winner_of(comparison: Comparison) -> str:
    """Say which of two is better, or that it is undecided."""
    high = comparison.measure.better == "high"
    if comparison.verdict == "undecided":
        return "undecided"
    above = comparison.verdict == "supported"
    return f"{comparison.first if above == high else comparison.second} is better"
