"""A study that was begun under an earlier precision goes on under it, not as a new study."""

from pathlib import Path

import pytest

from pipelines.config import Experiment, load
from pipelines.tracking import Tracker
from pipelines.tracking.earlier import as_begun

LAPA = Path(__file__).parents[3] / "experiments" / "lapa.yaml"
FIRST_NAME = "lapa-43034077"  # of lapa.yaml with mixed_bfloat16, as in 0.1.0


@pytest.fixture
def lapa(tmp_path: Path) -> Experiment:
    return load(LAPA, (f"storage={tmp_path}",))


def begin(experiment: Experiment) -> None:
    tracker = Tracker(experiment.tracking_uri)
    experiment_id = tracker.experiment(experiment.name, experiment.storage / "artifacts")
    identity = {"study": experiment.study, "kind": "study"}
    tracker.open_run(experiment_id, experiment.study, identity, "A study.")


def earlier(experiment: Experiment) -> Experiment:
    training = experiment.training.model_copy(update={"precision": "mixed_bfloat16"})
    return experiment.model_copy(update={"training": training})


def test_a_new_study_takes_what_the_card_does_well(lapa: Experiment) -> None:
    assert as_begun(lapa) == lapa
    assert lapa.training.precision == "mixed"
    assert not (lapa.storage / "mlflow.db").exists()  # looking makes no database


def test_a_study_begun_with_bfloat16_goes_on_with_it(lapa: Experiment) -> None:
    begin(earlier(lapa))
    assert as_begun(lapa).study == earlier(lapa).study == FIRST_NAME
    assert as_begun(lapa).training.precision == "mixed_bfloat16"


def test_a_study_begun_as_the_file_is_today_wins(lapa: Experiment) -> None:
    begin(earlier(lapa))
    begin(lapa)
    assert as_begun(lapa) == lapa


def test_an_mlflow_that_does_not_answer_changes_nothing(lapa: Experiment) -> None:
    tracking = lapa.tracking.model_copy(update={"uri": "http://127.0.0.1:9"})
    away = lapa.model_copy(update={"tracking": tracking})
    assert as_begun(away) == away
