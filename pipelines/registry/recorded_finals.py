"""Read a study's finals from MLflow, and register finals again whose version was deleted."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.artifacts
from mlflow.entities import LoggedModel, LoggedModelStatus, Run
from mlflow.exceptions import MlflowException

from pipelines.config.names import is_trained
from pipelines.job.context import StudyContext, waiting_jobs
from pipelines.job.job import JobKey
from pipelines.registry.card import MODEL_CARD
from pipelines.registry.publish import version_tags
from pipelines.tracking.model_versions import create_version, list_versions


@dataclass(frozen=True, kw_only=True)
class StoredFinals:
    """The finals of a study that MLflow has or will receive.

    Attributes:
        waiting: The finals with records that wait in an outbox.
        runs: The run of each final; the oldest of a final that has several.
        registered: The runs with a version of the experiment's registered model.
    """

    waiting: set[JobKey]
    runs: dict[JobKey, Run]
    registered: set[str]

    @property
    def recorded(self) -> set[JobKey]:
        """The finals whose results MLflow has or will receive: complete, failed or waiting.

        A complete final without a version of the registered model is left out.
        """
        complete = {
            key
            for key, run in self.runs.items()
            if _is_complete(run) and not self.needs_version(key)
        }
        return self.waiting | self.failed | complete

    @property
    def failed(self) -> set[JobKey]:
        """The finals that ended without a network."""
        return {
            key for key, run in self.runs.items() if run.data.tags.get("faceseg.state") == "failed"
        }

    def needs_version(self, key: JobKey) -> bool:
        """Return whether a final lacks its version. A model that is not trained has none."""
        return is_trained(key.architecture) and self.runs[key].info.run_id not in self.registered


def read_finals(context: StudyContext) -> StoredFinals:
    """Read the finals of a study from its outboxes and from MLflow."""
    # First: a sender may deliver them meanwhile.
    waiting = {key for key in waiting_jobs(context) if key.kind == "final"}
    runs = context.tracker.find_runs(
        context.experiment_id, study=context.experiment.study, kind="final"
    )
    versions = list_versions(context.tracker.client, context.experiment.tracking.registered_model)
    return StoredFinals(
        waiting=waiting,
        runs={_key(run): run for run in reversed(runs)},
        registered={str(version.run_id) for version in versions},
    )


def register_again(context: StudyContext, finals: StoredFinals) -> list[str]:
    """Register the complete finals whose version was deleted, if their model is still stored.

    Args:
        context: The study.
        finals: Its finals; the runs that are registered are added to them.

    Returns:
        The labels of the finals that were registered.
    """
    labels = []
    for key, run in sorted(finals.runs.items(), key=lambda pair: pair[0].label):
        if not _is_complete(run) or not finals.needs_version(key):
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
        finals.registered.add(run.info.run_id)
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


def _is_complete(run: Run) -> bool:
    return bool(run.data.tags.get("faceseg.state") == "complete")


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
