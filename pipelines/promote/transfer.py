"""Copy a version to another MLflow server, with its run, its records and its study's manifest.

The evaluation records are copied so that later versions can be compared with it there. A second
transfer finds the existing copy.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.artifacts
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from faceseg.data.manifest import MANIFEST
from pipelines.config import Experiment
from pipelines.registry.aliases import CLAIM_PREFIX
from pipelines.tracking import RunIdentity, Tracker
from pipelines.tracking.delivery import StoredMetrics, deliver
from pipelines.tracking.outbox import FILES, OutboxRecord

ORIGIN_TAG = "origin_run"  # the version's tag with the run from which it was copied
IDENTITY_TAGS = ("study", "kind", "architecture", "trial", "winner")
FACT_TAGS = ("state", "seed", "commit", "data", "host", "latency_host")


def transfer_version(
    source: Tracker, version: ModelVersion, target: Tracker, model: str, experiment: Experiment
) -> ModelVersion:
    """Copy a version to another MLflow server, unless it is there already.

    Args:
        source: The server of the version.
        version: The version to copy.
        target: The server to copy it to.
        model: The name of the registered model there.
        experiment: Names the MLflow experiment there and its artifact folder.

    Returns:
        The copy, a version of `model` at `target`.
    """
    run = source.client.get_run(version.run_id)
    experiment_id = target.experiment(experiment.name, experiment.storage / "artifacts")
    with TemporaryDirectory(prefix="faceseg-") as folder:
        study = _transfer_study_run(source, run, target, experiment_id, Path(folder))
        info = RunIdentity(
            experiment_id=experiment_id,
            name=run.info.run_name,
            identity=_tags(run, IDENTITY_TAGS),
            description=run.data.tags.get("mlflow.note.content", ""),
            parent=study,
        )
        run_id = target.find_or_make_run(info)
        known = target.client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
        if known:
            return known[0]
        target.set_tags(run_id, **_tags(run, FACT_TAGS))
        target.log_params(run_id, _params(run))
        target.log_once(run_id, run.data.metrics, run.info.end_time / 1000)
        files = Path(folder) / f"run{FILES}"
        source.client.download_artifacts(run.info.run_id, "", str(_make_folder(files)))
        _deliver(target, run_id, _record(info, "files", files))
        model_folder = _download_model(source, version, Path(folder))
        content: dict[str, Any] = {
            "model": model,
            "architecture": info.identity.get("architecture", "network"),
            "tags": {**version.tags, ORIGIN_TAG: run.info.run_id},
            "description": version.description or "",
        }
        _deliver(target, run_id, _record(info, "version", model_folder, content))
        target.end(run_id, "FINISHED", run.info.end_time / 1000)
    return target.client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")[0]


def _download_model(source: Tracker, version: ModelVersion, folder: Path) -> Path:
    """Download the files of a version; return their folder, named as the outbox names it."""
    fetched = mlflow.artifacts.download_artifacts(
        artifact_uri=source.client.get_model_version_download_uri(version.name, version.version),
        dst_path=str(_make_folder(folder / "fetched")),
        tracking_uri=source.uri,
    )
    return Path(fetched).rename(folder / f"version{FILES}")


def _transfer_study_run(
    source: Tracker, run: Run, target: Tracker, experiment_id: str, folder: Path
) -> str:
    """Create the study's run with its manifest, unless it exists."""
    parent = source.client.get_run(run.data.tags["mlflow.parentRunId"])
    info = RunIdentity(
        experiment_id=experiment_id,
        name=parent.info.run_name,
        identity=_tags(parent, ("study", "kind")),
        description=parent.data.tags.get("mlflow.note.content", ""),
    )
    run_id = target.find_or_make_run(info)
    if not any(file.path == MANIFEST for file in target.client.list_artifacts(run_id)):
        files = _make_folder(folder / f"study{FILES}")
        source.fetch(parent.info.run_id, MANIFEST, files)
        _deliver(target, run_id, _record(info, "files", files))
        target.end(run_id, "FINISHED")
    return run_id


def _record(
    run: RunIdentity,
    kind: str,
    folder: Path,
    content: dict[str, Any] | None = None,
) -> OutboxRecord:
    """Return a record of the outbox whose files are in `folder`."""
    return OutboxRecord(run=run, kind=kind, content=content or {}, path=folder.with_suffix(".json"))


def _deliver(target: Tracker, run_id: str, record: OutboxRecord) -> None:
    deliver(record, target, run_id, StoredMetrics(target))


def _tags(run: Run, names: tuple[str, ...]) -> dict[str, str]:
    tags = run.data.tags
    return {name: tags[f"faceseg.{name}"] for name in names if f"faceseg.{name}" in tags}


def _params(run: Run) -> dict[str, str]:
    """Return the settings; the claims on the source's aliases do not apply at the target."""
    params = run.data.params
    return {name: params[name] for name in params if not name.startswith(f"{CLAIM_PREFIX}/")}


def _make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder
