"""All figures of the comparison."""

import pandas as pd

from pipelines.compare.chart import Chart, style
from pipelines.compare.collect import Record
from pipelines.compare.confusions import confusions
from pipelines.compare.curves import learning, occlusion
from pipelines.compare.faces import faces


def draw(record: Record, table: pd.DataFrame) -> dict[str, Chart]:
    """Return the figures by name, in the page's order."""
    with style():
        made = [each(record, table) for each in (learning, occlusion, confusions, faces)]
    return {chart.name: chart for chart in made}
