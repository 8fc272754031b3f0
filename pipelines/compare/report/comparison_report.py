"""The whole comparison, computed once; the page, Markdown and LaTeX only render it."""

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
from pipelines.compare.figures.front_chart import front_chart
from pipelines.compare.figures.image_charts import failure_images, prediction_images
from pipelines.compare.figures.robustness_charts import class_maps, occlusion_curves, suite_curves
from pipelines.compare.figures.score_charts import confusion_matrices, pareto_chart
from pipelines.compare.figures.training_charts import learning_curves, search_chart
from pipelines.compare.report.advice import Advice, advise
from pipelines.compare.report.summary import summary_sentences
from pipelines.compare.study_data.corruption_reference import CorruptionReference
from pipelines.compare.study_data.study_results import ComparedStudy
from pipelines.config.sections import Claim


@dataclass(frozen=True, kw_only=True)
class ComparisonReport:
    """Everything that a comparison contains.

    `claims` are those of the reference study, `own_claims` those of the experiment. `charts`
    are by name, in the order of the page.
    """

    study: ComparedStudy
    table: pd.DataFrame
    measurements: Measurements
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
        """The names of the models, in the table's order."""
        return [str(name) for name in self.table["architecture"]]


def build_report(
    study: ComparedStudy,
    own_claims: Sequence[Claim] = (),
    resamples: int = RESAMPLES,
    reference: CorruptionReference | None = None,
) -> ComparisonReport:
    """Compare the models of a study.

    Args:
        study: The study, read from MLflow.
        own_claims: Claims to judge beside those of the reference study.
        resamples: The number of bootstrap resamples.
        reference: The model that corruption errors are divided by, if one is pinned.

    Returns:
        The comparison, with all charts drawn.

    Raises:
        UserError: A value is missing, or the models were tested on different images.
    """
    table = build_table(study, resamples, reference)
    measurements = Measurements.from_study(study, resamples)
    pairs = compare_pairs(measurements, table)
    order = table["architecture"].tolist()
    return ComparisonReport(
        study=study,
        table=table,
        measurements=measurements,
        advice=advise(measurements),
        summary=[
            *study.missing_finals,
            *study.judged_sentences,
            *summary_sentences(study, table, measurements, pairs),
        ],
        pairs=pairs,
        claims=[judge_claim(claim, measurements) for claim in REFERENCE_CLAIMS],
        own_claims=[judge_claim(claim, measurements) for claim in own_claims],
        slices=score_slices(study, measurements),
        searches=sorted(summarise_searches(study), key=lambda search: order.index(search.name)),
        charts=draw_figures(study, table),
    )


FIGURES = (
    front_chart,
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


def draw_figures(study: ComparedStudy, table: pd.DataFrame) -> dict[str, Chart]:
    """Return the charts by name, in the page's order, without those of suites that were not run."""
    with chart_style():
        charts = [draw(study, table) for draw in FIGURES]
    return {chart.name: chart for chart in charts if chart is not None}
