"""The view of an experiment's runs in MLflow's pages: the columns, their order and the charts.

MLflow's pages read a view from a tag of the experiment, as their own command 'Share' stores it. A
link names the tag. Tried with MLflow 3.17; a version that does not read the tag shows its default
columns.
"""

import json
from typing import Any

from mlflow.exceptions import MlflowException

from pipelines.tracking.tracker import Tracker

VIEW = "faceseg"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
# `faceseg.state` is complete, pruned, failed or unfinished: MLflow's own status of a pruned trial
# is FINISHED.
COLUMNS = (
    "tags.`faceseg.architecture`",
    "tags.`faceseg.state`",
    "metrics.`best/val_iou`",
    "metrics.`test/iou`",
    "metrics.`occlusion/retention`",
    "metrics.`latency/p50_ms`",
    "metrics.`epochs`",
    "params.`learning_rate`",
    "params.`batch_size`",
    "tags.`faceseg.study`",
)
# The first charts; MLflow adds one for each other metric, in alphabetical order.
CURVES = ("val/iou", "val/loss", "train/loss")


def runs_view() -> str:
    """Return the view as MLflow's pages read it: the best runs first, the curves first."""
    sections = dict.fromkeys(curve.partition("/")[0] for curve in CURVES)
    view: dict[str, Any] = {
        "orderByKey": "metrics.`best/val_iou`",
        "orderByAsc": False,
        "selectedColumns": COLUMNS,
        "columnOrder": COLUMNS,
        "compareRunCharts": [_line_chart(curve) for curve in CURVES],
        "compareRunSections": [_section(name) for name in sections],
        "isAccordionReordered": True,
    }
    return json.dumps(view)


def runs_table_address(tracker: Tracker, experiment: str, pages: str) -> str:
    """Store the view in an experiment, and return the address of its runs.

    Args:
        tracker: The MLflow store.
        experiment: The experiment's name.
        pages: The address of MLflow's pages.

    Returns:
        The address of the experiment's runs in this view, or in MLflow's own if the view cannot be
        stored; that of all experiments if there is none of this name.
    """
    found = tracker.client.get_experiment_by_name(experiment)
    if found is None:
        return f"{pages}/#/experiments"
    view = runs_view()
    address = f"{pages}/#/experiments/{found.experiment_id}/runs?workflowType=machine_learning"
    if found.tags.get(VIEW_TAG) != view:
        try:
            tracker.client.set_experiment_tag(found.experiment_id, VIEW_TAG, view)
        except MlflowException:  # a store that can only be read is shown all the same
            return address
    return f"{address}&viewStateShareKey={VIEW}"


def _line_chart(metric: str) -> dict[str, Any]:
    return {
        "type": "LINE",
        "uuid": metric,
        "metricSectionId": metric.partition("/")[0],
        "metricKey": metric,
        "isGenerated": True,
        "deleted": False,
    }


def _section(name: str) -> dict[str, Any]:
    return {
        "uuid": name,
        "name": name,
        "display": True,
        "isReordered": True,
        "isGenerated": True,
        "deleted": False,
    }
