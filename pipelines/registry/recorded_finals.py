"""Read a study's finals from MLflow, and register finals again whose version was deleted."""

from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.artifacts
from mlflow.entities import LoggedModel, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException

from pipelines.config.sections import ENSEMBLE
from pipelines.job.context import StudyContext, waiting_jobs
from pipelines.job.job import JobKey
from pipelines.registry.card import MODEL_CARD
from pipelines.registry.publish import version_tags
from pipelines.tracking.model_versions import create_version, list_versions


def recorded_finals(context: StudyContext) -> set[JobKey]:
    """Return the finals whose results MLflow has or will receive: complete, failed or waiting.

    A complete final without a version of the registered model is left out.
    """
    # First: a sender may deliver them meanwhile.
    found = {key for key in waiting_jobs(context) if key.kind == "final"}
    registered = _registered_runs(context)
    for key, run in final_runs(context).items():
        state = run.data.tags.get("faceseg.state")
        needs_version = key.architecture != ENSEMBLE
        if state == "failed" or (
            state == "complete" and (run.info.run_id in registered or not needs_version)
        ):
            found.add(key)
    return found


def final_runs(context: StudyContext) -> dict[JobKey, Run]:
    """Return the runs of the study's finals; the oldest of a final that has several."""
    runs = context.tracker.find_runs(
        context.experiment_id, study=context.experiment.study, kind="final"
    )
    return {_key(run): run for run in reversed(runs)}


def register_again(context: StudyContext) -> list[str]:
    """Register the complete finals whose version was deleted, if their model is still stored.

    Returns:
        The labels of the finals that were registered.
    """
    registered, labels = _registered_runs(context), []
    for key, run in sorted(final_runs(context).items(), key=lambda pair: pair[0].label):
        complete = run.data.tags.get("faceseg.state") == "complete"
        if not complete or key.architecture == ENSEMBLE or run.info.run_id in registered:
            continue
        model = _logged_model(context, run)
        card = _read_card(model) if model else None
        if model is None or card is None:
            continue
        tags = {name: run.data.tags.get(f"faceseg.{name}", "") for name in ("data", "commit")}
        create_version(
            context.tracker.client,
            context.experiment.tracking.registered_model,
            model.model_id,
            run_id=run.info.run_id,
            tags=version_tags(
                run.data.metrics,
                architecture=key.architecture,
                study=context.experiment.study,
                seed=run.data.tags["faceseg.seed"],
                **tags,
            ),
            description=card,
        )
        labels.append(key.label)
    return labels


def _key(run: Run) -> JobKey:
    tags: dict[str, str] = run.data.tags
    return JobKey(
        kind="final",
        architecture=tags["faceseg.architecture"],
        number=int(tags["faceseg.trial"]),
        winner=tags["faceseg.winner"],
    )


def _registered_runs(context: StudyContext) -> set[str]:
    """Return the runs that have a version of the experiment's registered model."""
    client, name = context.tracker.client, context.experiment.tracking.registered_model
    return {str(version.run_id) for version in list_versions(client, name)}


def _logged_model(context: StudyContext, run: Run) -> LoggedModel | None:
    found = context.tracker.client.search_logged_models(
        [context.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    ready = [model for model in found if model.status == LoggedModelStatus.READY]
    return ready[0] if ready else None


def _read_card(model: LoggedModel) -> str | None:
    """Return the model card among a model's files; None if the files are lost."""
    with TemporaryDirectory(prefix="faceseg-") as folder:
        try:
            file = mlflow.artifacts.download_artifacts(
                artifact_uri=f"{model.artifact_location}/{MODEL_CARD}", dst_path=folder
            )
            return Path(file).read_text(encoding="utf-8")
        except (MlflowException, OSError):
            return None
