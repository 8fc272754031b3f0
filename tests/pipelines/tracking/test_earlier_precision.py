"""A study that was started with an earlier precision is resumed with it."""

from pathlib import Path

import pytest

from pipelines.config import Experiment, load
from pipelines.tracking import Tracker
from pipelines.tracking.earlier_precision import with_earlier_precision
from tests.pipelines.mlflow_runs import open_run

LAPA = Path(__file__).parents[3] / "experiments" / "lapa.yaml"
FIRST_NAME = "lapa-43034077"  # the study of lapa.yaml with mixed_bfloat16, as in 0.1.0


@pytest.fixture
def lapa(tmp_path: Path) -> Experiment:
    return load(LAPA, (f"storage={tmp_path}",))


def start(experiment: Experiment) -> None:
    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    identity = {"study": experiment.study, "kind": "study"}
    open_run(tracker, experiment_id, experiment.study, identity, "A study.")


def earlier(experiment: Experiment) -> Experiment:
    training = experiment.training.model_copy(update={"precision": "mixed_bfloat16"})
    return experiment.model_copy(update={"training": training})


def test_a_new_study_has_the_precision_of_the_file(lapa: Experiment) -> None:
    assert with_earlier_precision(lapa) == lapa
    assert lapa.training.precision == "mixed"
    assert not (lapa.storage / "mlflow.db").exists()  # reading creates no database


def test_a_study_started_with_bfloat16_is_resumed_with_it(lapa: Experiment) -> None:
    start(earlier(lapa))
    assert with_earlier_precision(lapa).study == earlier(lapa).study == FIRST_NAME
    assert with_earlier_precision(lapa).training.precision == "mixed_bfloat16"


def test_a_study_of_the_current_file_takes_precedence(lapa: Experiment) -> None:
    start(earlier(lapa))
    start(lapa)
    assert with_earlier_precision(lapa) == lapa


def test_an_mlflow_that_does_not_answer_changes_nothing(lapa: Experiment) -> None:
    tracking = lapa.tracking.model_copy(update={"uri": "http://127.0.0.1:9"})
    offline = lapa.model_copy(update={"tracking": tracking})
    assert with_earlier_precision(offline) == offline
