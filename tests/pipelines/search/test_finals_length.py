"""Finals run all their epochs under a cosine; a search that was begun earlier keeps its rule."""

from typing import Any

import optuna
import pytest

from faceseg.training.settings import TrainingSettings
from pipelines.config import Experiment
from pipelines.config.sections import Finals
from pipelines.search.database import open_storage

from .steps import finish_finals, finish_search

COSINE = TrainingSettings(epochs=30, early_stopping=8)


@pytest.mark.parametrize(
    ("finals", "schedule", "expected"),
    [
        ({}, "cosine", None),
        ({}, "plateau", 8),
        ({}, "constant", 8),
        ({"early_stopping": "training"}, "cosine", 8),
        ({"early_stopping": 20}, "cosine", 20),
        ({"early_stopping": 20}, "plateau", 20),
    ],
)
def test_the_early_stopping_of_finals(finals: Any, schedule: Any, expected: int | None):
    winner = COSINE.model_copy(update={"schedule": schedule})
    found = Finals.model_validate({"epochs": 60, **finals}).settings(winner)
    assert found == winner.model_copy(update={"epochs": 60, "early_stopping": expected})


def test_the_key_is_in_the_digest_only_if_it_is_given(experiment: Experiment, changed: Any):
    assert "early_stopping" not in experiment.model_dump(mode="json")["finals"]
    assert changed(experiment, finals={"early_stopping": "training"}).study != experiment.study


@pytest.fixture
def stopping(experiment: Experiment, changed: Any) -> Experiment:
    """The experiment with early stopping, and with a variant."""
    variants = {"unet-narrow": {"of": "unet", "width": 0.05}}
    return changed(experiment, training={"early_stopping": 2}, variants=variants)


def test_trials_stop_early_and_finals_do_not(stopping: Experiment, open_search: Any):
    search = open_search(stopping)
    variant = open_search(stopping, "unet-narrow", base=search)
    trials = finish_search(search, 0.2, 0.6, 0.4)
    trials += finish_search(variant, 0.3)
    assert {job.settings.early_stopping for job in trials} == {2}
    again = open_search(stopping)  # a new driver
    finals = finish_finals(again) + finish_finals(open_search(stopping, "unet-narrow", base=again))
    assert len(finals) == 4
    assert {job.settings.early_stopping for job in finals} == {None}


def forget_the_rule(experiment: Experiment) -> None:
    """Make the searches as earlier versions left them, which stored no rule."""
    storage = open_storage(experiment.search_database)
    with storage.engine.begin() as connection:
        connection.exec_driver_sql("delete from study_user_attributes")
    names = optuna.get_all_study_names(storage)
    assert not [
        name for name in names if optuna.load_study(study_name=name, storage=storage).user_attrs
    ]
    storage.engine.dispose()


def test_a_search_that_an_earlier_version_began_keeps_its_finals(
    stopping: Experiment, open_search: Any
):
    search = open_search(stopping)
    finish_search(search, 0.2, 0.6)
    forget_the_rule(stopping)
    again = open_search(stopping)
    variant = open_search(stopping, "unet-narrow", base=again)
    finish_search(again, 0.4)
    finish_search(variant, 0.3)
    finals = finish_finals(again) + finish_finals(variant)
    assert len(finals) == 4
    assert {job.settings.early_stopping for job in finals} == {2}
