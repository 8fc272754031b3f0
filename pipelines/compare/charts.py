"""All figures of the comparison."""

from functools import partial

import pandas as pd

from pipelines.compare.chart import Chart, style
from pipelines.compare.collect import Record
from pipelines.compare.confusions import confusions
from pipelines.compare.curves import learning, occlusion
from pipelines.compare.faces import faces
from pipelines.compare.failures import failures
from pipelines.compare.pareto import pareto
from pipelines.compare.search_chart import search
from pipelines.compare.suite_charts import class_maps, suite_curves

FIGURES = (
    learning,
    occlusion,
    partial(class_maps, suite="occlusion"),
    partial(suite_curves, suite="corruption"),
    partial(class_maps, suite="corruption"),
    partial(suite_curves, suite="geometry"),
    pareto,
    confusions,
    faces,
    failures,
    search,
)


def draw(record: Record, table: pd.DataFrame) -> dict[str, Chart]:
    """Return the figures by name, in the page's order; those that were not run are not there."""
    with style():
        made = [each(record, table) for each in FIGURES]
    return {chart.name: chart for chart in made if chart is not None}
