"""The comparison as one self-contained page."""

import pandas as pd

from pipelines.compare.collect import Record


def page(record: Record, table: pd.DataFrame) -> str:
    """Return the page."""
    return table.to_html()
