"""Read a study back from MLflow: its settings, models, trials and final runs."""

import json
import math
from collections.abc import Mapping
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
    WARM_START_TAG,
    ComparedModel,
    ComparedStudy,
    FinalRun,
    TrialRun,
    numeric_params,
)
from pipelines.compare.study_data.worker_time import read_worker_time
from pipelines.config import Experiment
from pipelines.config.names import is_trained
from pipelines.config.plain_yaml import read_yaml
from pipelines.job import results
from pipelines.job.cost_log import read_study_cost
from pipelines.job.results import read_panel
from pipelines.job.winners import read_winners
from pipelines.tracking import Tracker

MAX_HISTORY_BYTES = 100_000_000


def read_study(tracker: Tracker, experiment: str, study: str) -> ComparedStudy:
    """Read a study's results from MLflow.

    Args:
        tracker: The tracker of the experiment.
        experiment: The experiment's name.
        study: The study's name, `Experiment.study`.

    Returns:
        The study with all its models, their trials and their complete final runs.

    Raises:
        UserError: The study, its winners, a final run or an artifact is missing, or a logged
            score differs from the one computed from the run's records.
    """
    experiment_id = find_experiment(tracker, experiment)
    runs = tracker.find_runs(experiment_id, study=study, kind="study")
    if not runs:
        raise UserError(
            f"MLflow at {tracker.uri} has no study {study} in experiment {experiment!r}; run "
            "`faceseg study` with this experiment first"
        )
    run = runs[0]
    tags = run.data.tags
    winners = _winners(study, tags)
    with TemporaryDirectory(prefix="faceseg-") as folder:
        manifest_file = tracker.fetch(run.info.run_id, "manifest.json", Path(folder))
        manifest = Manifest.model_validate_json(manifest_file.read_bytes())
        settings = read_settings(tracker.fetch(run.info.run_id, "experiment.yaml", Path(folder)))
        models = tuple(
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
    return ComparedStudy(
        experiment=experiment,
        name=study,
        run_id=run.info.run_id,
        commit=tags.get("faceseg.commit", "unknown"),
        manifest=manifest,
        models=models,
        settings=settings,
        description=tags.get("mlflow.note.content", ""),
        masks=tags.get("faceseg.occlusion_masks", ""),
        tracking_uri=tracker.uri,
        worker_time=read_worker_time(tracker, experiment_id, study, run),
        spent=read_study_cost(tags),
        warm_start=json.loads(tags.get(f"faceseg.{WARM_START_TAG}", "{}")),
    )


def _winners(study: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the identifier of each model's winner, from the tags of the study's run.

    Raises:
        UserError: There is no winner yet.
    """
    winners = read_winners(tags)
    if not winners:
        raise UserError(f"study {study} has no winners yet: its search has not ended")
    return winners


def find_experiment(tracker: Tracker, name: str) -> str:
    """Return the id of an MLflow experiment; raise UserError if there is none of this name."""
    experiment = tracker.client.get_experiment_by_name(name)
    if experiment is None:
        raise UserError(f"MLflow at {tracker.uri} has no experiment {name!r}")
    return str(experiment.experiment_id)


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
        raise UserError(
            f"study {study} has no complete final run of {name}; re-run the study to finish it"
        )
    trials = tracker.find_runs(experiment_id, study=study, kind="trial", architecture=name)
    return ComparedModel(
        name=name,
        finals=tuple(
            read_final(tracker, run, folder / run.info.run_id, classes) for run in complete
        ),
        trials=tuple(sorted(map(read_trial, trials), key=lambda trial: trial.number)),
        variant_of=complete[0].data.tags.get("faceseg.variant_of"),
        taught_by=complete[0].data.tags.get("faceseg.taught_by"),
        failed_finals={
            int(run.data.tags["faceseg.trial"]): run.data.tags.get("faceseg.reason", "unknown")
            for run in finals
            if run.data.tags.get("faceseg.state") == "failed"
        },
    )


def read_settings(file: Path) -> Experiment:
    """Read the experiment that the study ran.

    Raises:
        UserError: This version cannot read the file.
    """
    try:
        return Experiment.model_validate(read_yaml(file))
    except (ValidationError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(
            f"this version cannot read the study's experiment.yaml in MLflow: {error}"
        ) from error


def read_final(tracker: Tracker, run: Run, folder: Path, classes: ClassSet) -> FinalRun:
    """Read a final run; its files are downloaded to `folder`.

    Raises:
        UserError: An artifact is missing or damaged, or a logged score differs from the one
            computed from the run's records.
    """
    folder.mkdir(exist_ok=True)
    run_id = run.info.run_id
    trained = is_trained(run.data.tags["faceseg.architecture"])
    try:
        records = EvaluationRecords.read(tracker.fetch(run_id, "confusion.npz", folder))
        panel = read_panel(tracker.fetch(run_id, "panel.npz", folder))
        history = _read_history(tracker.fetch(run_id, "history.csv", folder)) if trained else None
    except ValueError as error:
        raise UserError(f"run {run_id}: {error}") from error
    final = FinalRun(
        number=int(run.data.tags["faceseg.trial"]),
        seed=int(run.data.tags["faceseg.seed"]),
        run_id=run_id,
        metrics=dict(run.data.metrics),
        params=dict(run.data.params),
        history=pd.DataFrame() if history is None else history,
        records=records,
        rows=results.suite_tables(records.conditions, classes),
        panel=panel,
    )
    check_logged_scores(final, classes)
    return final


def _read_history(file: Path) -> pd.DataFrame:
    """Read the scores of each epoch; raise ValueError if the file is none of them."""
    size = file.stat().st_size
    if size > MAX_HISTORY_BYTES:
        raise ValueError(f"{file.name} has {size / 1e6:,.1f} MB; a history has a few kilobytes")
    return pd.read_csv(file)


def recompute_scores(final: FinalRun, classes: ClassSet) -> dict[str, float]:
    """Return every score that can be computed from a final run's records, by its metric's name.

    An undefined score is NaN.
    """
    return results.test_scores(final.tested, classes) | results.suite_summaries(
        final.rows, final.records.baseline_iou
    )


def check_logged_scores(final: FinalRun, classes: ClassSet) -> None:
    """Check that the logged scores of a final run equal those computed from its records.

    Raises:
        UserError: A score is missing or differs.
    """
    for name, value in recompute_scores(final, classes).items():
        logged = final.metric(name)
        if math.isnan(logged) and not math.isnan(value):
            raise UserError(
                f"run {final.run_id}: MLflow has no {name}, which the run's records "
                f"(confusion.npz) give as {value!r}. MLflow refused it, or an earlier version of "
                "faceseg did not log it: run the study again under another name"
            )
        if logged != value and not (math.isnan(logged) and math.isnan(value)):
            raise UserError(
                f"run {final.run_id}: {name} was logged as {logged!r}, but its records "
                f"(confusion.npz) give {value!r}. One of them was changed, or another version "
                "wrote it: run the study again under another name"
            )


def read_trial(run: Run) -> TrialRun:
    """Return the trial that an MLflow run contains."""
    metrics, tags = run.data.metrics, run.data.tags
    return TrialRun(
        number=int(tags["faceseg.trial"]),
        state=tags.get("faceseg.state", "unfinished"),
        value=metrics.get("best/val_iou", math.nan),
        settings=numeric_params(run.data.params),
        seconds=metrics.get("seconds/training", 0.0),
        epochs=int(metrics.get("epochs", 0)),
        run_id=run.info.run_id,
        metrics=dict(metrics),
    )
