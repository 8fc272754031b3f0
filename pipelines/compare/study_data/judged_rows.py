"""Add the networks that `faceseg judge` tested to a study that is compared.

A judged network may lack some of the data's classes. They are left out of the means of every model
in the comparison, so that all means are over the same classes.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from mlflow.entities import Run

from faceseg.data.classes import ClassSet
from faceseg.evaluation.left_out import mean_iou_without, records_without
from pipelines.compare.study_data.collection import find_experiment, read_final, recompute_scores
from pipelines.compare.study_data.study_results import ComparedModel, ComparedStudy, FinalRun
from pipelines.job import results
from pipelines.tracking import Tracker

JUDGED = "judged"  # the kind of their runs
BASELINE_METRIC = "baseline/iou/"  # and a class: the IoU of the mean label map
LEFT_OUT_TAG = "left_out"  # the names of the classes that a network does not have, as JSON


def add_judged(tracker: Tracker, study: ComparedStudy) -> ComparedStudy:
    """Return the study with the networks that were judged on its data.

    Of several runs of one name, the newest counts. Runs on other images are passed over.

    Args:
        tracker: The connection to MLflow.
        study: The study, without judged networks.

    Raises:
        UserError: The results of a judged network are missing or damaged.
    """
    experiment_id, data = find_experiment(tracker, study.experiment), study.manifest.fingerprint
    latest = newest_judged(tracker, experiment_id, study.name, data=data)
    if not latest:
        return study
    with TemporaryDirectory(prefix="faceseg-") as folder:
        judged = tuple(
            ComparedModel(
                name=name,
                finals=(read_final(tracker, run, Path(folder) / run.info.run_id, study.classes),),
            )
            for name, run in latest.items()
        )
    study = replace(study, models=(*study.models, *judged))
    left_out = _classes_left_out(latest)
    return leave_out(study, left_out, _baselines(latest, study.classes)) if left_out else study


def newest_judged(tracker: Tracker, experiment_id: str, study: str, **tags: str) -> dict[str, Run]:
    """Return the newest complete run of each judged network, by its name.

    Args:
        tracker: The connection to MLflow.
        experiment_id: The MLflow experiment's id.
        study: The name of the study on whose data the networks were judged.
        **tags: Further tags `faceseg.<name>` of the runs.
    """
    complete = {"judged_in": study, "kind": JUDGED, "state": "complete", **tags}
    runs = tracker.find_runs(experiment_id, **complete)
    return {run.data.tags["faceseg.architecture"]: run for run in runs}


def leave_out(
    study: ComparedStudy, names: tuple[str, ...], baselines: Mapping[str, float]
) -> ComparedStudy:
    """Return a study in which no mean contains some classes.

    Args:
        study: The study.
        names: The foreground classes to leave out.
        baselines: The IoU of the mean label map by class.
    """
    classes = study.classes
    ids = [classes.names.index(name) for name in names]
    ious = np.array([baselines.get(name, math.nan) for name in classes.names])
    baseline = mean_iou_without(ious, ids)
    models = tuple(
        replace(
            model,
            finals=tuple(_final_without(each, classes, ids, baseline) for each in model.finals),
        )
        for model in study.models
    )
    ordered = tuple(name for name in classes.names if name in names)
    return replace(study, models=models, left_out=ordered)


def _final_without(
    final: FinalRun, classes: ClassSet, left_out: list[int], baseline: float
) -> FinalRun:
    """Return a final run without some classes; their own scores stay among its metrics."""
    records = records_without(final.records, classes, left_out, baseline)
    reduced = replace(
        final, records=records, rows=results.suite_tables(records.conditions, classes)
    )
    names = {classes.names[each] for each in left_out}
    scores = {
        name: value
        for name, value in recompute_scores(reduced, classes).items()
        if name.rpartition("/")[2] not in names
    }
    stale = {
        name for name in recompute_scores(final, classes) if name.rpartition("/")[2] not in names
    }
    kept = {name: value for name, value in final.metrics.items() if name not in stale}
    return replace(
        reduced, metrics=kept | {name: each for name, each in scores.items() if math.isfinite(each)}
    )


def _classes_left_out(runs: Mapping[str, Run]) -> tuple[str, ...]:
    names = [json.loads(run.data.tags[f"faceseg.{LEFT_OUT_TAG}"]) for run in runs.values()]
    return tuple(dict.fromkeys(name for each in names for name in each))


def _baselines(runs: Mapping[str, Run], classes: ClassSet) -> dict[str, float]:
    """Return the IoU of the mean label map by class; it is the same for all runs."""
    metrics = next(iter(runs.values())).data.metrics
    return {name: metrics.get(f"{BASELINE_METRIC}{name}", math.nan) for name in classes.names}
