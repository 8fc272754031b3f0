"""MLflow, by client and by ids alone: no current run, so any process may log to any run.

A run is found by its tags before it is made, so a job that starts again goes on in the run it
had. The driver speaks to MLflow through this; jobs write to their outbox.
"""

import json
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException, get

from faceseg.errors import UserError, first_line
from pipelines.config.secrets import redact

Status = Literal["FINISHED", "FAILED", "KILLED"]
BATCH = 900  # MLflow takes 1,000 metrics, 100 params and 100 tags in one call
PARAM_LENGTH = 6000
PROBE_TIMEOUT = 5.0  # seconds that a server has to say that it is there
# Without it the pages open on language-model tools, and runs are a click away.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True)
class RunIdentity:
    """What finds an MLflow run, or makes it: `identity` are its `faceseg.` tags."""

    experiment_id: str
    name: str
    identity: Mapping[str, str]
    description: str
    parent: str = ""


@dataclass(frozen=True)
class Tracker:
    """One MLflow store. Cheap to send to another process: it holds the address only."""

    uri: str

    @cached_property
    def client(self) -> MlflowClient:
        """The client; the first one on a new sqlite file makes its tables."""
        # MLflow resolves a `models:/` address in its default store, whatever the client's is.
        mlflow.set_tracking_uri(self.uri)
        # It prints a traceback of each error of the database, which it raises as well.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def __getstate__(self) -> dict[str, str]:
        """Travel as the address: a client and its connections stay in their process."""
        return {"uri": self.uri}

    def probe(self) -> None:
        """Raise requests' error at once if a server is not there: MLflow's own calls would try
        for minutes.
        """
        if not self.uri.startswith("http"):
            return
        answer = get(f"{self.uri.rstrip('/')}/health", timeout=PROBE_TIMEOUT)
        if answer.status_code >= 500:
            raise RequestException(f"{answer.status_code} {answer.reason}")

    def experiment(self, name: str, artifacts: Path) -> str:
        """Return the id of an experiment, made if it is new.

        artifacts: where its files go if the store is a database; a server decides itself.
        """
        try:
            self.probe()
            found = self.client.get_experiment_by_name(name)
            if found is None:
                own = None if self.uri.startswith("http") else artifacts.resolve().as_uri()
                return str(self.client.create_experiment(name, own, EXPERIMENT_TAGS))
        except (MlflowException, RequestException) as error:
            raise UserError(
                f"MLflow at {redact(self.uri)} does not answer ({failure_reason(error)}): start it, or "
                "set tracking.uri to where it is"
            ) from error
        if found.lifecycle_stage != "active":
            raise UserError(
                f"the MLflow experiment {name!r} was deleted; restore it in the UI, or give this "
                "experiment another name"
            )
        return str(found.experiment_id)

    def find_runs(self, experiment_id: str, **tags: str) -> list[Run]:
        """Return the runs whose tags `faceseg.<name>` have these values, oldest first."""
        wanted = " and ".join(f"tags.`faceseg.{name}` = '{tags[name]}'" for name in tags)
        order = ["attributes.start_time ASC"]
        page = self.client.search_runs([experiment_id], wanted, order_by=order)
        runs = list(page)
        while page.token:
            page = self.client.search_runs(
                [experiment_id], wanted, order_by=order, page_token=page.token
            )
            runs += page
        return runs

    def open_run(
        self,
        experiment_id: str,
        name: str,
        identity: Mapping[str, str],
        description: str,
        parent: str = "",
    ) -> str:
        """Return the id of the run with these `faceseg.` tags, made or set to running again."""
        run = RunIdentity(experiment_id, name, identity, description, parent)
        run_id = self.find_or_make_run(run)
        self.set_running(run_id)
        return run_id

    def find_or_make_run(self, run: RunIdentity) -> str:
        """Return the id of a run, in whatever state it is."""
        if found := self.find_runs(run.experiment_id, **run.identity):
            return str(found[0].info.run_id)
        tags = {f"faceseg.{key}": value for key, value in run.identity.items()}
        tags["mlflow.note.content"] = run.description
        tags["mlflow.user"] = _user()
        if run.parent:
            tags["mlflow.parentRunId"] = run.parent
        made = self.client.create_run(run.experiment_id, tags=tags, run_name=run.name)
        return str(made.info.run_id)

    def set_running(self, run_id: str) -> None:
        """Say that a run goes on."""
        self.client.update_run(run_id, status="RUNNING")

    def log_metrics(
        self, run_id: str, values: Mapping[str, float], step: int = 0, at: float | None = None
    ) -> None:
        """Log values of one step, measured at `at` (seconds since 1970); NaN ones are left out.

        A class that occurs nowhere has no score, and a gap in its curve says so.
        """
        stamp = int(1000 * (time.time() if at is None else at))
        points = [Metric(key, value, stamp, step) for key, value in finite(values).items()]
        for start in range(0, len(points), BATCH):
            self.client.log_batch(run_id, metrics=points[start : start + BATCH])

    def log_once(self, run_id: str, values: Mapping[str, float], at: float) -> None:
        """Log final values, measured at `at`; those that the run has already stay as they are."""
        known = self.client.get_run(run_id).data.metrics
        self.log_metrics(run_id, {key: values[key] for key in values if key not in known}, at=at)

    def log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        """Log parameters, nested ones under dotted names."""
        flat = [Param(key, str(value)[:PARAM_LENGTH]) for key, value in flatten(values)]
        for start in range(0, len(flat), 100):
            self.client.log_batch(run_id, params=flat[start : start + 100])

    def set_tags(self, run_id: str, **tags: object) -> None:
        """Set tags `faceseg.<name>`."""
        entities = [RunTag(f"faceseg.{key}", str(value)) for key, value in tags.items()]
        self.client.log_batch(run_id, tags=entities)

    def log_dataset(self, run_id: str, name: str, digest: str, **facts: Any) -> None:
        """Attach the data set: its name, its digest (12 characters of it) and its profile."""
        source = json.dumps({"uri": str(facts.pop("source", name))})
        dataset = Dataset(name, digest[:12], "local", source, profile=json.dumps(facts))
        context = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(run_id, [DatasetInput(dataset, [context])])

    @contextmanager
    def files(self, run_id: str) -> Iterator[Path]:
        """Give a folder; what was written into it becomes the run's artifacts."""
        with TemporaryDirectory(prefix="faceseg-") as folder:
            yield Path(folder)
            self.client.log_artifacts(run_id, folder)

    def fetch(self, run_id: str, artifact: str, folder: Path) -> Path:
        """Download one artifact into `folder`; UserError if the run has no such file."""
        try:
            return Path(self.client.download_artifacts(run_id, artifact, str(folder)))
        except (MlflowException, OSError) as error:
            raise UserError(f"MLflow run {run_id} holds no artifact {artifact!r}") from error

    def end(self, run_id: str, status: Status, at: float | None = None) -> None:
        """Close a run, ended `at` (seconds since 1970; None: now)."""
        self.client.set_terminated(run_id, status, None if at is None else int(1000 * at))


def finite(values: Mapping[str, float]) -> dict[str, float]:
    """Return the values that are numbers: MLflow takes no others."""
    return {key: float(value) for key, value in values.items() if math.isfinite(value)}


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings under dotted names."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "faceseg"


def failure_reason(error: Exception) -> str:
    """Say in a few words why MLflow does not answer, or takes nothing."""
    if isinstance(error, ConnectionError | RequestException) and "HTTPConnection" in str(error):
        return "no connection"  # requests tells the whole of its own inside
    return str(redact(first_line(error)[:200]))
