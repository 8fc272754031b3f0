"""What MLflow stores of a run whose records a sender has delivered."""

from mlflow.entities import Run

from pipelines.tracking import Outbox, Sender, Tracker

DATASET = {"name": "drawn", "digest": "f" * 40, "counts": {"train": 4}}


def send(tracker: Tracker, box: Outbox) -> None:
    with Sender(box.folder.parent, tracker) as sending:
        assert sending.drain(30), sending.status()


def run_of(tracker: Tracker, box: Outbox) -> Run:
    """Return the one run of an outbox."""
    (run,) = tracker.find_runs(box.run.experiment_id, **box.run.identity)
    return run


def curve(tracker: Tracker, box: Outbox, key: str) -> list[tuple[int, float, int]]:
    """Return the stored points of a metric: step, value and time (ms since 1970)."""
    run_id = run_of(tracker, box).info.run_id
    points = tracker.client.get_metric_history(run_id, key)
    return [(each.step, each.value, each.timestamp) for each in points]
