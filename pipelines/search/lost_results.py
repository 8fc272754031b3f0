"""Compare the trials and finals of a study in Optuna and MLflow; repeat finals that MLflow lost."""

from collections import Counter
from typing import Any

from pipelines.cluster.connection import call_actor
from pipelines.config.secrets import redact
from pipelines.job.context import StudyContext, waiting_jobs
from pipelines.job.job import JobKey
from pipelines.registry.recorded_finals import read_finals


def recover(context: StudyContext, coordinator: Any) -> list[str]:
    """Repeat finals whose results MLflow has lost. Call this before workers take jobs.

    Args:
        context: The study.
        coordinator: The coordinator's actor.

    Returns:
        Messages about finals that are repeated, and about trials that are not.
    """
    uri, storage = redact(context.tracker.uri), context.experiment.storage
    messages = []
    repeated: list[JobKey] = call_actor(coordinator.repeat_finals, read_finals(context).recorded)
    if repeated:
        labels = ", ".join(key.label for key in repeated)
        messages.append(
            f"MLflow at {uri} has no results of {labels}, which are complete in Optuna: they are "
            f"repeated, with their networks if {storage / 'artifacts'} contains them, otherwise "
            "by training"
        )
    counts: dict[str, dict[str, int]] = call_actor(coordinator.snapshot).counts
    stored = _trials(context)
    for name, states in counts.items():
        complete = states.get("complete", 0) + states.get("pruned", 0)
        if lost := complete - stored[name]:
            messages.append(
                f"MLflow at {uri} has no run of {lost} of the {complete} trials of {name}: their "
                "scores in Optuna count, their curves are lost. The study continues without them; "
                "to train them again, run the experiment under another name"
            )
    return messages


def _trials(context: StudyContext) -> Counter[str]:
    """Return how many ended trials MLflow has, or will receive, of each architecture."""
    stored = {key.label: key.architecture for key in waiting_jobs(context) if key.kind == "trial"}
    runs = context.tracker.find_runs(
        context.experiment_id, study=context.experiment.study, kind="trial"
    )
    for run in runs:
        if run.data.tags.get("faceseg.state") in ("complete", "pruned"):
            stored[run.info.run_name] = run.data.tags["faceseg.architecture"]
    return Counter(stored.values())
