"""The trials of a search, as MLflow has them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities import Run

PREFIX = "augmentation."  # its strength is tuned under a name of its own


@dataclass(frozen=True)
class Trial:
    """One trial: `value` is its best validation IoU, NaN if it has none.

    `settings` are all that it was trained with and are numbers, by the names of the search.
    """

    number: int
    state: str
    value: float
    settings: Mapping[str, float]
    seconds: float
    epochs: int


def read_trial(run: Run) -> Trial:
    """Read a trial's run."""
    metrics, tags = run.data.metrics, run.data.tags
    return Trial(
        int(tags["faceseg.trial"]),
        tags.get("faceseg.state", "unfinished"),
        metrics.get("best/val_iou", math.nan),
        numbers(run.data.params),
        metrics.get("seconds/training", 0.0),
        int(metrics.get("epochs", 0)),
    )


def numbers(params: Mapping[str, str]) -> dict[str, float]:
    """Return the parameters that are numbers, under the names that the search has for them."""
    found = {}
    for name, text in params.items():
        try:
            found[name.replace(PREFIX, PREFIX.replace(".", "_"))] = float(text)
        except ValueError:
            continue
    return found
