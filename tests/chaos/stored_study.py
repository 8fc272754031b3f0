"""What a study left behind, read from the databases themselves and not through the product.

Optuna's and MLflow's sqlite files are opened for reading only, also while others write.
"""

import sqlite3
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

Point = tuple[int, float]  # step, value
LOCK_TIMEOUT = 30.0  # seconds for a writer to end, or to clear up after one that was killed
FINISHED_STATES = ("COMPLETE", "PRUNED", "FAIL")


@dataclass(frozen=True)
class StoredTrial:
    """One trial of Optuna's: `study` is its study's full name."""

    study: str
    number: int
    state: str
    reported: dict[int, float]
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.study}/{self.number}"


@dataclass(frozen=True)
class StoredRun:
    """One run of MLflow's, with every point of its curves in the order of their steps."""

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    curves: dict[str, list[Point]]
    artifacts: str

    @property
    def job(self) -> tuple[str, ...]:
        """Return what a job is known by: kind, architecture, number."""
        return tuple(
            self.tags.get(f"faceseg.{key}", "-") for key in ("kind", "architecture", "trial")
        )

    @property
    def attempts(self) -> int:
        return int(self.tags.get("faceseg.attempt", 1))

    def file(self, name: str, root: Path) -> Path:
        """Return an artifact's place. root: where MLflow keeps the artifacts."""
        _, _, inside = self.artifacts.partition(":/")
        served = self.artifacts.startswith("mlflow-artifacts:")
        return root / (inside if served else f"{self.run_id}/artifacts") / name


def query_sqlite(database: Path, query: str, *values: str) -> list[tuple[object, ...]]:
    """Ask a sqlite file; nothing while it is not there or holds no tables yet.

    A process that was killed while it wrote leaves a journal, which the next that writes rolls
    back; until then nobody who only reads gets in ("attempt to write a readonly database").
    """
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            with closing(
                sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=LOCK_TIMEOUT)
            ) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            if "readonly" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def trials(database: Path) -> list[StoredTrial]:
    """Return all trials of all of Optuna's studies."""
    reported: dict[object, dict[int, float]] = defaultdict(dict)
    for owner, step, value in query_sqlite(
        database, "select trial_id, step, intermediate_value from trial_intermediate_values"
    ):
        reported[owner][int(str(step))] = float(str(value))
    attributes: dict[object, dict[str, str]] = defaultdict(dict)
    for owner, key, value in query_sqlite(
        database, "select trial_id, key, value_json from trial_user_attributes"
    ):
        attributes[owner][str(key)] = str(value)
    rows = query_sqlite(
        database,
        "select trial_id, study_name, number, state from trials join studies using (study_id)",
    )
    return [
        StoredTrial(str(study), int(str(number)), str(state), reported[owner], attributes[owner])
        for owner, study, number, state in rows
    ]


def runs(database: Path, experiment: str) -> list[StoredRun]:
    """Return all runs of an MLflow experiment, those that were deleted left out."""
    tags: dict[object, dict[str, str]] = defaultdict(dict)
    for owner, key, value in query_sqlite(database, "select run_uuid, key, value from tags"):
        tags[owner][str(key)] = str(value)
    curves: dict[object, dict[str, list[Point]]] = defaultdict(lambda: defaultdict(list))
    for owner, key, step, value in query_sqlite(
        database, "select run_uuid, key, step, value from metrics order by step, timestamp"
    ):
        curves[owner][str(key)].append((int(str(step)), float(str(value))))
    rows = query_sqlite(
        database,
        "select run_uuid, runs.name, status, artifact_uri from runs"
        " join experiments using (experiment_id)"
        " where runs.lifecycle_stage = 'active' and experiments.name = ?",
        experiment,
    )
    return [
        StoredRun(str(owner), str(name), str(status), tags[owner], dict(curves[owner]), str(uri))
        for owner, name, status, uri in rows
    ]


def versions(database: Path, model: str) -> dict[str, str]:
    """Return the versions of a registered model, each with its run."""
    rows = query_sqlite(
        database, "select version, run_id from model_versions where name = ?", model
    )
    return {str(version): str(run) for version, run in rows}


def aliases(database: Path, model: str) -> dict[str, str]:
    """Return the aliases of a registered model, each with its version."""
    rows = query_sqlite(
        database, "select alias, version from registered_model_aliases where name = ?", model
    )
    return {str(alias): str(version) for alias, version in rows}


def metric_points(
    database: Path, experiment: str, metric: str
) -> dict[tuple[str, int], tuple[float, float]]:
    """Return by run and step when (seconds since 1970) and with what value it was measured."""
    rows = query_sqlite(
        database,
        "select runs.name, step, timestamp, value from metrics join runs using (run_uuid)"
        " join experiments using (experiment_id) where experiments.name = ? and key = ?",
        experiment,
        metric,
    )
    return {
        (str(run), int(str(step))): (float(str(at)) / 1000, float(str(value)))
        for run, step, at, value in rows
    }
