"""Passwords in addresses are redacted, and an experiment's YAML does not contain them."""

import pytest

from pipelines.config import Experiment
from pipelines.config.secrets import redact


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (
            "postgresql+psycopg://me:s3cret@db:5432/optuna",
            "postgresql+psycopg://me:***@db:5432/optuna",
        ),
        ("failed at https://u:p%40ss@host/x, twice", "failed at https://u:***@host/x, twice"),
        ("sqlite:///a.db", "sqlite:///a.db"),
        ({"a": ["s3://k:v@b"], "n": 3}, {"a": ["s3://k:***@b"], "n": 3}),
    ],
)
def test_only_passwords_are_redacted(given, shown):
    assert redact(given) == shown


def test_an_experiment_is_written_without_its_password():
    experiment = Experiment.model_validate(
        {"name": "x", "tracking": {"database": "postgresql+psycopg://me:s3cret@db/optuna"}}
    )
    assert experiment.search_database.endswith("me:s3cret@db/optuna")
    assert "s3cret" not in experiment.as_yaml()


def test_placement_does_not_change_the_name_of_a_study():
    plain = Experiment.model_validate({"name": "x"})
    moved = Experiment.model_validate(
        {"name": "x", "checkpoints": "s3://b/c", "tracking": {"database": "postgresql://db/o"}}
    )
    assert plain.study == moved.study
    assert plain.single_training_name == moved.single_training_name
