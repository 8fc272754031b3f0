"""MLflow runs that tests write without an outbox."""

from collections.abc import Mapping

from pipelines.tracking import RunIdentity, Tracker


def open_run(
    tracker: Tracker,
    experiment_id: str,
    name: str,
    identity: Mapping[str, str],
    description: str = "",
    *,
    parent: str = "",
) -> str:
    """Find or create a run by its `faceseg.` tags, set its status to running, return its id."""
    run = RunIdentity(
        experiment_id=experiment_id,
        name=name,
        identity=identity,
        description=description,
        parent=parent,
    )
    run_id = tracker.find_or_make_run(run)
    tracker.set_running(run_id)
    return run_id
