"""A version brought to another MLflow: with its run, its records and its study's manifest.

What it was measured on goes with it, so that it can be judged there, and so can its successors.
Brought twice it is there once.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.artifacts
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from faceseg.data.manifest import MANIFEST
from pipelines.config import Experiment
from pipelines.registry.alias_lock import CLAIM_PREFIX
from pipelines.tracking import RunIdentity, Tracker
from pipelines.tracking.delivery import StoredMetrics, deliver
from pipelines.tracking.outbox import FILES, OutboxRecord

ORIGIN_TAG = "origin_run"  # the version's tag: the run that it was brought from
IDENTITY_TAGS = ("study", "kind", "architecture", "trial", "winner")
FACT_TAGS = ("state", "seed", "commit", "data", "host")


def transfer_version(
    source: Tracker, version: ModelVersion, target: Tracker, model: str, experiment: Experiment
) -> ModelVersion:
    """Return the version of `model` at `target` that is `version` at `source`, made if need be."""
    run = source.client.get_run(version.run_id)
    experiment_id = target.experiment(experiment.name, experiment.storage / "artifacts")
    with TemporaryDirectory(prefix="faceseg-") as folder:
        study = _transfer_study_run(source, run, target, experiment_id, Path(folder))
        info = RunIdentity(
            experiment_id,
            run.info.run_name,
            _tags(run, IDENTITY_TAGS),
            run.data.tags.get("mlflow.note.content", ""),
            study,
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
        _deliver(target, run_id, OutboxRecord(info, "files", {}, files.with_suffix(".json")))
        fetched = mlflow.artifacts.download_artifacts(
            artifact_uri=source.client.get_model_version_download_uri(
                version.name, version.version
            ),
            dst_path=str(_make_folder(Path(folder) / "fetched")),
            tracking_uri=source.uri,
        )
        place = Path(fetched).rename(Path(folder) / f"version{FILES}")
        content: dict[str, Any] = {
            "model": model,
            "architecture": info.identity.get("architecture", "network"),
            "tags": {**version.tags, ORIGIN_TAG: run.info.run_id},
            "description": version.description or "",
        }
        _deliver(target, run_id, OutboxRecord(info, "version", content, place.with_suffix(".json")))
        target.end(run_id, "FINISHED", run.info.end_time / 1000)
    return target.client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")[0]


def _transfer_study_run(
    source: Tracker, run: Run, target: Tracker, experiment_id: str, folder: Path
) -> str:
    """Make the study's run with its manifest, unless it is there."""
    parent = source.client.get_run(run.data.tags["mlflow.parentRunId"])
    info = RunIdentity(
        experiment_id,
        parent.info.run_name,
        _tags(parent, ("study", "kind")),
        parent.data.tags.get("mlflow.note.content", ""),
    )
    run_id = target.find_or_make_run(info)
    if not any(file.path == MANIFEST for file in target.client.list_artifacts(run_id)):
        files = _make_folder(folder / f"study{FILES}")
        source.fetch(parent.info.run_id, MANIFEST, files)
        _deliver(target, run_id, OutboxRecord(info, "files", {}, files.with_suffix(".json")))
        target.end(run_id, "FINISHED")
    return run_id


def _deliver(target: Tracker, run_id: str, record: OutboxRecord) -> None:
    deliver(record, target, run_id, StoredMetrics(target))


def _tags(run: Run, names: tuple[str, ...]) -> dict[str, str]:
    tags = run.data.tags
    return {name: tags[f"faceseg.{name}"] for name in names if f"faceseg.{name}" in tags}


def _params(run: Run) -> dict[str, str]:
    """Return the settings: who succeeded whom at home means nothing there."""
    params = run.data.params
    return {name: params[name] for name in params if not name.startswith(f"{CLAIM_PREFIX}/")}


def _make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder
