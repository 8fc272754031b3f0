"""Everything the comparison needs, read back from MLflow alone."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import yaml
from mlflow.entities import Run
from pydantic import ValidationError

from faceseg.data.classes import ClassSet
from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from faceseg.evaluation.records import EvaluationRecords
from pipelines.compare.study_data.study_results import (
    ComparedModel,
    FinalRun,
    StudyResults,
    TrialRun,
    numeric_params,
)
from pipelines.compare.study_data.worker_time import read_worker_time
from pipelines.config import Experiment
from pipelines.config.sections import ENSEMBLE
from pipelines.job import results
from pipelines.job.results import read_panel
from pipelines.tracking import Tracker


def read_study(tracker: Tracker, experiment: str, study: str) -> StudyResults:
    """Read a study back; UserError names what is missing."""
    experiment_id = _experiment_id(tracker, experiment)
    runs = tracker.find_runs(experiment_id, study=study, kind="study")
    if not runs:
        raise UserError(
            f"MLflow at {tracker.uri} has no study {study} in experiment {experiment!r}; run "
            "`faceseg study` with this experiment first"
        )
    run = runs[0]
    winners = {
        key.removeprefix("faceseg.winner."): value
        for key, value in run.data.tags.items()
        if key.startswith("faceseg.winner.")
    }
    if not winners:
        raise UserError(f"study {study} has no winners yet: its search has not ended")
    with TemporaryDirectory(prefix="faceseg-") as folder:
        manifest_file = tracker.fetch(run.info.run_id, "manifest.json", Path(folder))
        manifest = Manifest.model_validate_json(manifest_file.read_bytes())
        settings = _read_settings(tracker.fetch(run.info.run_id, "experiment.yaml", Path(folder)))
        contenders = tuple(
            _read_model(
                tracker,
                experiment_id,
                name,
                study=study,
                winner=winner,
                folder=Path(folder),
                classes=manifest.classes,
            )
            for name, winner in winners.items()
        )
    return StudyResults(
        experiment,
        study,
        run.info.run_id,
        run.data.tags.get("faceseg.commit", "unknown"),
        manifest,
        contenders,
        settings,
        run.data.tags.get("mlflow.note.content", ""),
        run.data.tags.get("faceseg.occlusion_masks", ""),
        read_worker_time(tracker, experiment_id, study, run),
    )


def _experiment_id(tracker: Tracker, name: str) -> str:
    found = tracker.client.get_experiment_by_name(name)
    if found is None:
        raise UserError(f"MLflow at {tracker.uri} has no experiment {name!r}")
    return str(found.experiment_id)


def _read_model(
    tracker: Tracker,
    experiment_id: str,
    name: str,
    *,
    study: str,
    winner: str,
    folder: Path,
    classes: ClassSet,
) -> ComparedModel:
    finals = tracker.find_runs(
        experiment_id, study=study, kind="final", architecture=name, winner=winner
    )
    complete = [run for run in finals if run.data.tags.get("faceseg.state") == "complete"]
    if not complete:
        raise UserError(f"study {study} has no finished final of {name}; run the study again")
    trials = tracker.find_runs(experiment_id, study=study, kind="trial", architecture=name)
    return ComparedModel(
        name,
        tuple(_read_final(tracker, run, folder / run.info.run_id, classes) for run in complete),
        tuple(sorted(map(read_trial, trials), key=lambda trial: trial.number)),
        complete[0].data.tags.get("faceseg.variant_of"),
    )


def _read_settings(file: Path) -> Experiment:
    """Read the experiment that the study was; UserError if another version wrote it."""
    try:
        return Experiment.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(
            f"the study's experiment.yaml in MLflow cannot be read by this version: {error}"
        ) from error


def _read_final(tracker: Tracker, run: Run, folder: Path, classes: ClassSet) -> FinalRun:
    folder.mkdir(exist_ok=True)
    run_id = run.info.run_id
    try:
        records = EvaluationRecords.read(tracker.fetch(run_id, "confusion.npz", folder))
    except ValueError as error:
        raise UserError(f"run {run_id}: {error}") from error
    trained = run.data.tags["faceseg.architecture"] != ENSEMBLE
    final = FinalRun(
        int(run.data.tags["faceseg.trial"]),
        int(run.data.tags["faceseg.seed"]),
        run_id,
        dict(run.data.metrics),
        dict(run.data.params),
        pd.read_csv(tracker.fetch(run_id, "history.csv", folder)) if trained else pd.DataFrame(),
        records,
        results.suite_tables(records.conditions, classes),
        read_panel(tracker.fetch(run_id, "panel.npz", folder)),
    )
    check_logged_scores(final, classes)
    return final


def recompute_scores(final: FinalRun, classes: ClassSet) -> dict[str, float]:
    """Return every score that a final's records come to; NaN where one is not defined."""
    return results.test_scores(final.tested, classes) | results.suite_summaries(
        final.rows, final.records.baseline_iou
    )


def check_logged_scores(final: FinalRun, classes: ClassSet) -> None:
    """Compute every logged score again from the records; UserError if one is another."""
    for name, value in recompute_scores(final, classes).items():
        logged = final.metrics.get(name, math.nan)
        if logged != value and not (math.isnan(logged) and math.isnan(value)):
            raise UserError(
                f"run {final.run_id}: {name} was logged as {logged!r}, and its records "
                f"(confusion.npz) come to {value!r}. One of the two was changed, or written by "
                "another version: run the study again under another name"
            )


def read_trial(run: Run) -> TrialRun:
    """Read a trial's run."""
    metrics, tags = run.data.metrics, run.data.tags
    return TrialRun(
        int(tags["faceseg.trial"]),
        tags.get("faceseg.state", "unfinished"),
        metrics.get("best/val_iou", math.nan),
        numeric_params(run.data.params),
        metrics.get("seconds/training", 0.0),
        int(metrics.get("epochs", 0)),
    )
