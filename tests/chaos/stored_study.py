"""The stored results of a study, read directly from the databases of Optuna and MLflow.

The sqlite files are opened read-only, also while other processes write to them.
"""

import sqlite3
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

Point = tuple[int, float]  # step, value
LOCK_TIMEOUT = 30.0  # seconds for a writer to end, or to roll back the journal of a killed one


@dataclass(frozen=True, kw_only=True)
class StoredTrial:
    """A trial in Optuna's database.

    Attributes:
        study: The full name of its Optuna study.
        settings: What the sampler proposed; the value of a choice is its index.
        reported: The value of each epoch.
    """

    study: str
    number: int
    state: str
    settings: dict[str, float]
    reported: dict[int, float]
    attributes: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.study}/{self.number}"


@dataclass(frozen=True, kw_only=True)
class StoredRun:
    """A run in MLflow's database, with all points of its curves in the order of their steps."""

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    curves: dict[str, list[Point]]
    artifacts: str

    @property
    def job(self) -> tuple[str, ...]:
        """The identity of the job: kind, architecture, number."""
        return tuple(
            self.tags.get(f"faceseg.{key}", "-") for key in ("kind", "architecture", "trial")
        )

    @property
    def attempts(self) -> int:
        return int(self.tags.get("faceseg.attempt", 1))

    def file(self, name: str, root: Path) -> Path:
        """Return the path of an artifact. `root` is the folder of MLflow's artifacts."""
        _, _, inside = self.artifacts.partition(":/")
        served = self.artifacts.startswith("mlflow-artifacts:")
        return root / (inside if served else f"{self.run_id}/artifacts") / name


def query_sqlite(database: Path, query: str, *values: str) -> list[tuple[object, ...]]:
    """Query a sqlite file; return no rows while the file or its tables do not exist.

    A process that is killed while it writes leaves a journal, which the next writer rolls back.
    Until then, readers get the error "attempt to write a readonly database".
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
    settings: dict[object, dict[str, float]] = defaultdict(dict)
    for owner, name, value in query_sqlite(
        database, "select trial_id, param_name, param_value from trial_params"
    ):
        settings[owner][str(name)] = float(str(value))
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
        StoredTrial(
            study=str(study),
            number=int(str(number)),
            state=str(state),
            settings=settings[owner],
            reported=reported[owner],
            attributes=attributes[owner],
        )
        for owner, study, number, state in rows
    ]


def runs(database: Path, experiment: str) -> list[StoredRun]:
    """Return all runs of an MLflow experiment except deleted ones."""
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
        StoredRun(
            run_id=str(owner),
            name=str(name),
            status=str(status),
            tags=tags[owner],
            curves=dict(curves[owner]),
            artifacts=str(uri),
        )
        for owner, name, status, uri in rows
    ]


def versions(database: Path, model: str) -> dict[str, str]:
    """Return the run of each version of a registered model."""
    rows = query_sqlite(
        database, "select version, run_id from model_versions where name = ?", model
    )
    return {str(version): str(run) for version, run in rows}


def aliases(database: Path, model: str) -> dict[str, str]:
    """Return the version of each alias of a registered model."""
    rows = query_sqlite(
        database, "select alias, version from registered_model_aliases where name = ?", model
    )
    return {str(alias): str(version) for alias, version in rows}


def metric_points(
    database: Path, experiment: str, metric: str
) -> dict[tuple[str, int], tuple[float, float]]:
    """Return by run and step the time (seconds since 1970) and the value of a metric."""
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
