"""The doctor on what all nodes share: Ray's doors, MLflow, Optuna's database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray

from faceseg.errors import UserError
from pipelines.access import is_loopback
from pipelines.config import Experiment
from pipelines.doctor.node import mlflow_trouble
from pipelines.search.connection import size
from pipelines.search.database import open_storage
from pipelines.tracking import Tracker

EXPERIMENT = "faceseg-doctor"


def workers(experiment: Experiment) -> str:
    """Say what Ray has, and check that the workers asked for fit now."""
    asked = experiment.resources
    have = ray.cluster_resources()
    nodes = sum(node["Alive"] for node in ray.nodes())
    room = size(asked.model_copy(update={"workers": None}))
    found = (
        f"{nodes} node{'s' * (nodes > 1)}, {have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} "
        f"GPUs: room for {room} workers of {asked.cpus:g} CPUs and {asked.gpus:g} GPUs"
    )
    if asked.workers and asked.workers > room:
        raise UserError(
            f"{found}; {asked.workers} were asked for. The others will wait for nodes: add nodes, "
            "or set resources.workers, resources.cpus or resources.gpus lower"
        )
    return found


def doors() -> str:
    """Check that not everyone on the network can run code on the cluster."""
    dashboard = ray.init(ignore_reinit_error=True, logging_level="ERROR").dashboard_url
    host = urlsplit(f"//{dashboard}").hostname if dashboard else None
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return "Ray wants a token"
    if host is None:
        return "Ray wants no token, and has no dashboard"
    if is_loopback(host):
        return "Ray wants no token, and its dashboard is open to this machine alone"
    raise UserError(
        f"Ray's dashboard at {dashboard} wants no token: whoever reaches it can run code here. "
        "Start Ray on all nodes with RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, or at least "
        "with --dashboard-host=127.0.0.1 behind a firewall"
    )


def optuna(experiment: Experiment) -> str:
    """Open Optuna's database, and make its tables if it is new."""
    url = experiment.search_database
    try:
        storage = open_storage(url)
        studies = len(storage.get_all_studies())
        storage.engine.dispose()
    except Exception as error:  # a driver that is not there, a login, a server, a schema
        raise UserError(
            f"{url} cannot be opened: {' '.join(str(error).split())[:300]}. Is the database "
            "there, open to this machine, and its login right? See infra/README.md"
        ) from error
    return f"{url} holds {studies} studies"


@contextmanager
def mlflow_experiment(experiment: Experiment) -> Iterator[str]:
    """Give the id of an experiment for the doctor's runs; it is deleted at the end."""
    try:
        client = Tracker(experiment.tracking_uri).client
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            tracker = Tracker(experiment.tracking_uri)
            experiment_id = tracker.experiment(EXPERIMENT, experiment.storage / "artifacts")
        else:
            experiment_id = str(found.experiment_id)
            if found.lifecycle_stage != "active":
                client.restore_experiment(experiment_id)
    except Exception as error:  # MLflow passes on what its stores and its client raise
        raise UserError(mlflow_trouble(experiment.tracking_uri, error)) from error
    try:
        yield experiment_id
    finally:
        client.delete_experiment(experiment_id)
