"""All that the comparison comes to, computed once: the page, Markdown and LaTeX only show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pipelines.compare.analysis.claims import REFERENCE_CLAIMS, JudgedClaim, judge_claim
from pipelines.compare.analysis.comparison_table import RESAMPLES, build_table
from pipelines.compare.analysis.comparisons import Measurements, PairComparison, compare_pairs
from pipelines.compare.analysis.search_importance import SearchSummary, summarise_searches
from pipelines.compare.analysis.slices import SliceScores, score_slices
from pipelines.compare.figures.chart import Chart, chart_style
from pipelines.compare.figures.image_charts import failure_images, prediction_images
from pipelines.compare.figures.robustness_charts import class_maps, occlusion_curves, suite_curves
from pipelines.compare.figures.score_charts import confusion_matrices, pareto_chart
from pipelines.compare.figures.training_charts import learning_curves, search_chart
from pipelines.compare.report.advice import Advice, advise, summary_sentences
from pipelines.compare.study_data.corruption_reference import CorruptionReference
from pipelines.compare.study_data.study_results import StudyResults
from pipelines.config.sections import Claim


@dataclass(frozen=True)
class ComparisonReport:
    """One comparison."""

    study: StudyResults
    table: pd.DataFrame
    evidence: Measurements
    advice: list[Advice]
    summary: list[str]
    pairs: list[PairComparison]
    claims: list[JudgedClaim]
    own_claims: list[JudgedClaim]
    slices: SliceScores
    searches: list[SearchSummary]
    charts: dict[str, Chart]

    @property
    def names(self) -> list[str]:
        """The contenders as the table ranks them."""
        return [str(name) for name in self.table["architecture"]]


def build_report(
    record: StudyResults,
    own_claims: Sequence[Claim] = (),
    resamples: int = RESAMPLES,
    reference: CorruptionReference | None = None,
) -> ComparisonReport:
    """Compare the contenders of a record; `own_claims` are judged beside the reference study's.

    reference: what corruption errors are relative to.
    """
    table = build_table(record, resamples, reference)
    evidence = Measurements.from_study(record, resamples)
    found = compare_pairs(evidence, table)
    names = table["architecture"].tolist()
    return ComparisonReport(
        record,
        table,
        evidence,
        advise(evidence),
        summary_sentences(record, table, evidence, found),
        found,
        [judge_claim(claim, evidence) for claim in REFERENCE_CLAIMS],
        [judge_claim(claim, evidence) for claim in own_claims],
        score_slices(record, evidence),
        sorted(summarise_searches(record), key=lambda each: names.index(each.name)),
        draw_figures(record, table),
    )


# --- All figures of the comparison.

FIGURES = (
    learning_curves,
    occlusion_curves,
    partial(class_maps, suite="occlusion"),
    partial(suite_curves, suite="corruption"),
    partial(class_maps, suite="corruption"),
    partial(suite_curves, suite="geometry"),
    pareto_chart,
    confusion_matrices,
    prediction_images,
    failure_images,
    search_chart,
)


def draw_figures(record: StudyResults, table: pd.DataFrame) -> dict[str, Chart]:
    """Return the figures by name, in the page's order; those that were not run are not there."""
    with chart_style():
        made = [each(record, table) for each in FIGURES]
    return {chart.name: chart for chart in made if chart is not None}
