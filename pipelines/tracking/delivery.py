"""Deliver one record of an outbox to MLflow. Delivering it twice changes nothing.

A server may die after it has stored a record and before it confirms that. So what is stored is
checked before a record is written.
"""

import mlflow
from mlflow.entities import LoggedModelStatus
from mlflow.tracking import MlflowClient

from pipelines.tracking.model_versions import create_version
from pipelines.tracking.outbox import OutboxRecord
from pipelines.tracking.tracker import Tracker


class StoredMetrics:
    """The stored points of one run. Each metric is read once, while one sender holds the run."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._points: dict[str, dict[int, int]] = {}  # metric -> step -> time

    def points(self, run_id: str, key: str) -> dict[int, int]:
        """Return a metric's steps and their times (ms since 1970); the caller may add to them."""
        if key not in self._points:
            history = self._tracker.client.get_metric_history(run_id, key)
            self._points[key] = {each.step: each.timestamp for each in history}
        return self._points[key]


def deliver(record: OutboxRecord, tracker: Tracker, run_id: str, stored: StoredMetrics) -> None:
    """Write a record to MLflow.

    Args:
        record: The record.
        tracker: The MLflow store.
        run_id: The record's run.
        stored: The stored points of that run.

    Raises:
        MlflowException: MLflow does not respond, or refuses the record.
        OSError: The record's files cannot be read.
    """
    content = record.content
    match record.kind:
        case "open":
            tracker.set_running(run_id)
            dataset = dict(content["dataset"])
            tracker.log_dataset(run_id, dataset.pop("name"), dataset.pop("digest"), **dataset)
            tracker.set_tags(run_id, **content["tags"])
        case "metrics":
            _metrics(record, tracker, run_id, stored)
        case "once":
            tracker.log_once(run_id, content["values"], content["at"])
        case "params":
            tracker.log_params(run_id, content["values"])
        case "tags":
            tracker.set_tags(run_id, **content["tags"])
        case "files":
            tracker.client.log_artifacts(run_id, str(record.files))
        case "version":
            # MLflow resolves a `models:/` address in its default store, not in the client's.
            mlflow.set_tracking_uri(tracker.uri)
            _version(record, tracker.client, run_id)
        case "end":
            tracker.end(run_id, content["status"], content["at"])
        case _:
            raise ValueError(f"{record.path} has the unknown kind {record.kind!r}")


def _metrics(record: OutboxRecord, tracker: Tracker, run_id: str, stored: StoredMetrics) -> None:
    """Log a step unless it is stored: an epoch that is trained again is the same epoch."""
    values, step, at = (record.content[key] for key in ("values", "step", "at"))
    if not values:
        return
    known = stored.points(run_id, next(iter(values)))  # a step's values are stored together
    stamp = int(1000 * at)
    if step is None:
        if stamp in known.values():
            return
        step = max(known, default=-1) + 1
    elif step in known:
        return
    tracker.log_metrics(run_id, values, step, at)
    known[step] = stamp


def _version(record: OutboxRecord, client: MlflowClient, run_id: str) -> None:
    """Create a version of the registered model, unless this run has one."""
    name, architecture = record.content["model"], record.content["architecture"]
    if client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'"):
        return
    existing = client.search_logged_models(
        [record.run.experiment_id], filter_string=f"source_run_id = '{run_id}'"
    )
    logged = (
        existing[0]
        if existing
        else client.create_logged_model(
            record.run.experiment_id,
            name=architecture,
            source_run_id=run_id,
            model_type=architecture,
        )
    )
    if logged.status != LoggedModelStatus.READY:
        client.log_model_artifacts(logged.model_id, str(record.files))
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    create_version(
        client,
        name,
        logged.model_id,
        run_id=run_id,
        tags=record.content["tags"],
        description=record.content["description"],
    )
