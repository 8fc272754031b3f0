"""A client of MLflow that works by ids, without a current run: any process may log to any run.

A run is searched by its tags before it is created, so a job that is started again continues in its
run. The driver uses this client; jobs write to their outbox.
"""

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from requests import RequestException, get

from faceseg.errors import UserError, without_secrets
from pipelines.config.database_errors import sqlite_file
from pipelines.config.database_servers import check_server
from pipelines.config.databases import open_database, wait_for_locks
from pipelines.tracking.artifacts import full_folder_message, log_files
from pipelines.tracking.errors import mlflow_error_message
from pipelines.tracking.paging import all_pages
from pipelines.tracking.refusals import log_accepted
from pipelines.tracking.relocation import follow_storage, write_to_storage
from pipelines.tracking.values import failure_reason, finite, flatten

Status = Literal["FINISHED", "FAILED", "KILLED"]
BATCH, SMALL_BATCH = 900, 100  # MLflow accepts 1,000 metrics, 100 params and 100 tags in one call
PARAM_LENGTH = 6000
PROBE_TIMEOUT = 5.0  # seconds that a server has to respond to a probe
# Without this tag, MLflow's pages open on tools for language models instead of the runs.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}


@dataclass(frozen=True, kw_only=True)
class RunIdentity:
    """What is needed to find or create an MLflow run. The fields are stored in outbox records.

    Attributes:
        experiment_id: The id of its MLflow experiment.
        name: Its name.
        identity: The `faceseg.` tags that identify it.
        description: One sentence for its page.
        parent: The id of its parent run; '' for none.
    """

    experiment_id: str
    name: str
    identity: Mapping[str, str]
    description: str
    parent: str = ""


@dataclass(frozen=True)
class Tracker:
    """One MLflow store. Only its address is sent to other processes."""

    uri: str

    @cached_property
    def client(self) -> MlflowClient:
        """The client; the first one on a new sqlite file creates its tables.

        Raises:
            UserError: The database is locked or damaged, does not respond, or cannot be used.
        """
        # MLflow prints a traceback of each database error, which it also raises.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        wait_for_locks()
        check_server(self.uri, "MLflow")
        if self._database is not None:
            # A connection that stays open would still write to the file after it was deleted.
            os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        with open_database(self.uri, "MLflow"):
            self.open()
            return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def open(self) -> None:
        """Correct the addresses of a local store that was moved; make it MLflow's default store.

        MLflow resolves a `models:/` address in its default store, not in the client's.

        Raises:
            UserError: The addresses cannot be corrected.
        """
        if self._database is not None:
            follow_storage(self._database, self._database.parent / "artifacts")
        mlflow.set_tracking_uri(self.uri)

    @property
    def _database(self) -> Path | None:
        return sqlite_file(self.uri)

    def __getstate__(self) -> dict[str, str]:
        """Return the address: a client and its connections stay in their process."""
        return {"uri": self.uri}

    def probe(self) -> None:
        """Raise an error at once if a server does not respond: MLflow's calls retry for minutes.

        Raises:
            RequestException: The server does not respond, or responds with an error.
        """
        if not self.uri.startswith("http"):
            return
        response = get(f"{self.uri.rstrip('/')}/health", timeout=PROBE_TIMEOUT)
        if response.status_code >= 500:
            raise RequestException(f"{response.status_code} {response.reason}")

    def experiment(self, name: str, artifacts: Path) -> str:
        """Return the id of an experiment; create it if it does not exist.

        Args:
            name: Its name.
            artifacts: The folder of its files, if the store is a database; a server has its own.
                An experiment whose files were elsewhere stores new ones here.

        Raises:
            UserError: MLflow does not respond or refuses, or the experiment was deleted.
        """
        try:
            self.probe()
            found = self.client.get_experiment_by_name(name)
            if found is None:
                own = None if self.uri.startswith("http") else artifacts.resolve().as_uri()
                return str(self.client.create_experiment(name, own, EXPERIMENT_TAGS))
        except (MlflowException, RequestException) as error:
            words = mlflow_error_message(error, self.uri) or (
                f"MLflow at {self.uri} cannot be used ({failure_reason(error)}): set "
                "tracking.uri to the address of an MLflow server or database"
            )
            raise UserError(words) from error
        if found.lifecycle_stage != "active":
            raise UserError(
                f"the MLflow experiment {name!r} was deleted; restore it with `MLFLOW_TRACKING_URI="
                f"{self.uri} mlflow experiments restore --experiment-id "
                f"{found.experiment_id}`, or give this experiment another name"
            )
        if self._database is not None:
            follow_storage(self._database, artifacts)
            write_to_storage(self._database, artifacts, found.experiment_id)
        return str(found.experiment_id)

    def find_runs(self, experiment_id: str, **tags: str) -> list[Run]:
        """Return the runs whose tags `faceseg.<name>` have these values, oldest first."""
        return self._find_runs([experiment_id], tags)

    def all_runs(self, **tags: str) -> list[Run]:
        """Return the runs of all experiments as `find_runs` does, oldest first."""
        experiments = all_pages(self.client.search_experiments)
        return self._find_runs([each.experiment_id for each in experiments], tags)

    def _find_runs(self, experiment_ids: list[str], tags: Mapping[str, str]) -> list[Run]:
        wanted = " and ".join(f"tags.`faceseg.{name}` = '{tags[name]}'" for name in tags)
        order = ["attributes.start_time ASC"]
        return all_pages(partial(self.client.search_runs, experiment_ids, wanted, order_by=order))

    def find_or_make_run(self, run: RunIdentity) -> str:
        """Return the id of a run, which is created if it does not exist; its status is kept."""
        if found := self.find_runs(run.experiment_id, **run.identity):
            return str(found[0].info.run_id)
        tags = {f"faceseg.{key}": value for key, value in run.identity.items()}
        tags["mlflow.note.content"] = without_secrets(run.description)
        tags["mlflow.user"] = os.environ.get("USER") or os.environ.get("LOGNAME") or "faceseg"
        if run.parent:
            tags["mlflow.parentRunId"] = run.parent
        made = self.client.create_run(run.experiment_id, tags=tags, run_name=run.name)
        return str(made.info.run_id)

    def set_running(self, run_id: str) -> None:
        """Set a run's status to running."""
        self.client.update_run(run_id, status="RUNNING")

    def log_metrics(
        self, run_id: str, values: Mapping[str, float], step: int = 0, at: float | None = None
    ) -> None:
        """Log the values of one step, measured `at` (seconds since 1970; None: now).

        NaN is left out: a class that occurs nowhere has no score, and its curve has a gap.
        """
        stamp = int(1000 * (time.time() if at is None else at))
        points = [Metric(key, value, stamp, step) for key, value in finite(values).items()]
        log_accepted(lambda batch: self.client.log_batch(run_id, metrics=batch), points, BATCH)

    def log_once(self, run_id: str, values: Mapping[str, float], at: float) -> None:
        """Log final values, measured `at` (seconds since 1970); stored ones are kept."""
        known = self.client.get_run(run_id).data.metrics
        self.log_metrics(run_id, {key: values[key] for key in values if key not in known}, at=at)

    def log_params(self, run_id: str, values: Mapping[str, Any]) -> None:
        """Log parameters, nested ones under dotted names."""
        flat = [
            Param(key, without_secrets(str(value))[:PARAM_LENGTH]) for key, value in flatten(values)
        ]
        log_accepted(lambda batch: self.client.log_batch(run_id, params=batch), flat, SMALL_BATCH)

    def set_tags(self, run_id: str, **tags: object) -> None:
        """Set tags `faceseg.<name>`."""
        entities = [
            RunTag(f"faceseg.{key}", without_secrets(str(value))) for key, value in tags.items()
        ]
        log_accepted(lambda batch: self.client.log_batch(run_id, tags=batch), entities, SMALL_BATCH)

    def log_dataset(self, run_id: str, name: str, digest: str, **facts: Any) -> None:
        """Attach the data set: its name, 12 characters of its digest, and its profile."""
        source = json.dumps({"uri": without_secrets(str(facts.pop("source", name)))})
        dataset = Dataset(name, digest[:12], "local", source, profile=json.dumps(facts))
        context = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(run_id, [DatasetInput(dataset, [context])])

    @contextmanager
    def files(self, run_id: str) -> Iterator[Path]:
        """Yield a folder; the files written there become the run's artifacts."""
        with TemporaryDirectory(prefix="faceseg-") as folder:
            yield Path(folder)
            log_files(self.client, run_id, Path(folder))

    def fetch(self, run_id: str, artifact: str, folder: Path) -> Path:
        """Download one artifact into `folder`; return its path.

        Raises:
            UserError: The run has no such artifact, or MLflow does not respond or refuses.
        """
        try:
            return Path(self.client.download_artifacts(run_id, artifact, str(folder)))
        except (MlflowException, OSError) as error:
            words = mlflow_error_message(error, self.uri) or full_folder_message(folder)
            raise UserError(words or self._missing(run_id, artifact)) from error

    def _missing(self, run_id: str, artifact: str) -> str:
        try:
            place = f": it is not in {self.client.get_run(run_id).info.artifact_uri}"
        except MlflowException:  # the run does not exist
            place = ""
        return (
            f"MLflow run {run_id} has no artifact {artifact!r}{place}. If the storage was moved or "
            "copied, move `mlflow.db` and `artifacts` together"
        )

    def end(self, run_id: str, status: Status, at: float | None = None) -> None:
        """End a run with this status, `at` a time in seconds since 1970 (None: now)."""
        self.client.set_terminated(run_id, status, None if at is None else int(1000 * at))
