"""All that the comparison comes to, computed once: the page, Markdown and LaTeX only show it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pipelines.compare.advice import Advice, advice
from pipelines.compare.chart import Chart
from pipelines.compare.charts import draw
from pipelines.compare.claims import CLAIMS, Judged, judge
from pipelines.compare.collect import Record
from pipelines.compare.evidence import Evidence
from pipelines.compare.importance import Search, searches
from pipelines.compare.pairs import Pair, pairs
from pipelines.compare.reference import Reference
from pipelines.compare.slicing import Sliced, sliced
from pipelines.compare.summary import summary
from pipelines.compare.table import RESAMPLES, build_table
from pipelines.config.claims import Claim


@dataclass(frozen=True)
class Report:
    """One comparison."""

    record: Record
    table: pd.DataFrame
    evidence: Evidence
    advice: list[Advice]
    summary: list[str]
    pairs: list[Pair]
    claims: list[Judged]
    own_claims: list[Judged]
    slices: Sliced
    searches: list[Search]
    charts: dict[str, Chart]

    @property
    def names(self) -> list[str]:
        """The contenders as the table ranks them."""
        return [str(name) for name in self.table["architecture"]]


def build_report(
    record: Record,
    own_claims: Sequence[Claim] = (),
    resamples: int = RESAMPLES,
    reference: Reference | None = None,
) -> Report:
    """Compare the contenders of a record; `own_claims` are judged beside the reference study's.

    reference: what corruption errors are relative to.
    """
    table = build_table(record, resamples, reference)
    evidence = Evidence.of(record, resamples)
    found = pairs(evidence, table)
    names = table["architecture"].tolist()
    return Report(
        record,
        table,
        evidence,
        advice(evidence),
        summary(record, table, evidence, found),
        found,
        [judge(claim, evidence) for claim in CLAIMS],
        [judge(claim, evidence) for claim in own_claims],
        sliced(record, evidence),
        sorted(searches(record), key=lambda each: names.index(each.name)),
        draw(record, table),
    )
