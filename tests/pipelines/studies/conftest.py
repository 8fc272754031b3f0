"""A study that MLflow has stored."""

from pathlib import Path

import pytest

from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run

from .stored_study import NOTHING


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    """A study in MLflow: its run and one trial's are running, another trial's is finished."""
    experiment = Experiment.model_validate({"name": "fake", "storage": tmp_path})
    own = {"study": experiment.study}
    run_id = open_run(tracker, experiment_id, "study", {**own, "kind": "study"}, "A study.")
    open_run(tracker, experiment_id, "running", {**own, "kind": "trial", "trial": "0"}, "One.")
    ended = open_run(
        tracker, experiment_id, "ended", {**own, "kind": "trial", "trial": "1"}, "Two."
    )
    tracker.end(ended, "FINISHED")
    open_run(tracker, experiment_id, "another's", {"study": "other", "kind": "trial"}, "Three.")
    return StudyContext(
        experiment=experiment,
        packs=tmp_path,
        manifest=NOTHING,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run=run_id,
        commit="commit1",
    )
