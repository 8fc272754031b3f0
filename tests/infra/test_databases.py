"""The databases that one command creates on an empty PostgreSQL; Optuna and MLflow use them."""

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from pipelines.search.database import open_storage
from pipelines.tracking import Tracker
from tests.infra.mlflow_server import REPOSITORY
from tests.infra.postgres import PASSWORD, Postgres
from tests.pipelines.mlflow_runs import open_run


def tables(server: Postgres, database: str) -> set[str]:
    with server.connect(database) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
    return {name for (name,) in rows}


def test_both_databases_have_their_tables(postgres: Postgres):
    assert {"experiments", "runs", "metrics", "registered_models"} <= tables(postgres, "mlflow")
    assert {"users", "experiment_permissions"} <= tables(postgres, "mlflow")  # of basic-auth
    assert {"studies", "trials", "trial_intermediate_values"} <= tables(postgres, "optuna")


def test_it_says_what_it_made_without_the_password(made: str):
    assert "databases mlflow and optuna are up to date" in made
    assert PASSWORD not in made


@pytest.mark.slow
def test_a_second_time_changes_nothing(postgres: Postgres):
    before = tables(postgres, "mlflow"), tables(postgres, "optuna")
    command = [sys.executable, REPOSITORY / "infra" / "databases.py"]
    done = subprocess.run(
        command, env={**os.environ, **postgres.environment}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tables(postgres, "mlflow"), tables(postgres, "optuna")) == before


def test_optuna_keeps_a_study_there(postgres: Postgres):
    storage = open_storage(postgres.url("optuna"))
    study = optuna.create_study(study_name="kept", storage=storage, direction="maximize")
    trial = study.ask({"learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1)})
    trial.report(0.25, 0)
    study.tell(trial, 0.5)
    storage.engine.dispose()
    again = open_storage(postgres.url("optuna"))
    assert optuna.load_study(study_name="kept", storage=again).best_value == 0.5
    again.engine.dispose()


def test_an_address_without_password_takes_it_from_the_environment(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    storage = open_storage(f"postgresql+psycopg://faceseg@127.0.0.1:{postgres.port}/optuna")
    assert isinstance(storage.get_all_studies(), list)
    storage.engine.dispose()


@pytest.mark.slow
def test_mlflow_logs_there_without_a_server_too(postgres: Postgres, tmp_path: Path):
    tracker = Tracker(postgres.url("mlflow"))
    experiment = tracker.experiment("direct", tmp_path)
    run = open_run(tracker, experiment, "a run", {"trial": "0"}, "A run.")
    tracker.log_metrics(run, {"val/iou": 0.5}, step=3)
    (point,) = tracker.client.get_metric_history(run, "val/iou")
    assert (point.step, point.value) == (3, 0.5)
