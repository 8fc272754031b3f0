"""The doctor's round: the experiment, Ray, every node, and what they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray
from rich.console import Console

from faceseg.errors import UserError
from pipelines.cluster.connection import (
    check_tracking_reachable,
    connect_ray,
    ray_address,
    worker_count,
)
from pipelines.config import Experiment
from pipelines.config.secrets import is_loopback
from pipelines.doctor import all_nodes
from pipelines.doctor.all_nodes import SHORT_MLFLOW_TIMEOUTS, NodeActor, call_on_nodes
from pipelines.doctor.check_report import CheckReport
from pipelines.doctor.node_checks import mlflow_error_message
from pipelines.search.database import open_storage
from pipelines.studies import study
from pipelines.tracking import Tracker


def diagnose(experiment: Experiment, console: Console) -> bool:
    """Check all that a study needs, and return whether all is well."""
    os.environ.update(SHORT_MLFLOW_TIMEOUTS)
    report = CheckReport(console)
    report.check("experiment", lambda: _check_experiment(experiment))
    report.check("optuna", lambda: check_optuna(experiment))
    began = ray.is_initialized()
    if report.check("ray", lambda: _connect(experiment)):
        try:
            _check_cluster(report, experiment)
        finally:
            if not began:
                ray.shutdown()
    return report.all_passed


def _check_experiment(experiment: Experiment) -> str:
    study.check_experiment(experiment)
    return (
        f"{experiment.study}: {', '.join(experiment.architectures)}, {experiment.search.trials} "
        f"trials and {experiment.finals.seeds} finals each"
    )


def _connect(experiment: Experiment) -> str:
    connect_ray(experiment.resources)
    address = ray_address(experiment.resources)
    return f"reached at {address}" if address else "none is running: a study starts it here"


def _check_cluster(report: CheckReport, experiment: Experiment) -> None:
    report.check("workers", lambda: check_workers(experiment))
    if ray_address(experiment.resources):
        report.check("access", check_dashboard_access)
    places = all_nodes.start_node_actors()
    try:
        all_nodes.check_versions(report, places)
        all_nodes.check_clocks(report, places)
        all_nodes.check_storage(report, places, experiment)
        report.check_nodes("disk", call_on_nodes(places, "disk", experiment.storage.resolve()))
        if experiment.checkpoints:
            report.check_nodes(
                "checkpoints", call_on_nodes(places, "checkpoints", experiment.checkpoints)
            )
        _check_mlflow(report, places, experiment)
    finally:
        all_nodes.stop_node_actors(places)
    if experiment.resources.gpus:
        _check_gpus(report, experiment)


def _check_mlflow(report: CheckReport, places: list[NodeActor], experiment: Experiment) -> None:
    uri = experiment.tracking_uri
    try:
        check_tracking_reachable(uri)
        with mlflow_experiment(experiment) as experiment_id:
            report.check_nodes("mlflow", call_on_nodes(places, "mlflow", uri, experiment_id))
    except UserError as error:
        report.print_failed("mlflow", error)
    except Exception as error:  # the doctor's own experiment could not be deleted
        report.print_failed("mlflow", UserError(mlflow_error_message(uri, error)))


def _check_gpus(report: CheckReport, experiment: Experiment) -> None:
    gpus = experiment.resources.gpus
    places = all_nodes.start_node_actors(gpus)
    try:
        report.check_nodes("gpu", call_on_nodes(places, "card", gpus))
    finally:
        all_nodes.stop_node_actors(places)


# --- The doctor on what all nodes share: Ray's doors, MLflow, Optuna's database.

DOCTOR_EXPERIMENT = "faceseg-doctor"


def check_workers(experiment: Experiment) -> str:
    """Say what Ray has, and check that the workers asked for fit now."""
    asked = experiment.resources
    have = ray.cluster_resources()
    nodes = sum(node["Alive"] for node in ray.nodes())
    room = worker_count(asked.model_copy(update={"workers": None}))
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


def check_dashboard_access() -> str:
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


def check_optuna(experiment: Experiment) -> str:
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
        found = client.get_experiment_by_name(DOCTOR_EXPERIMENT)
        if found is None:
            tracker = Tracker(experiment.tracking_uri)
            experiment_id = tracker.experiment(DOCTOR_EXPERIMENT, experiment.storage / "artifacts")
        else:
            experiment_id = str(found.experiment_id)
            if found.lifecycle_stage != "active":
                client.restore_experiment(experiment_id)
    except Exception as error:  # MLflow passes on what its stores and its client raise
        raise UserError(mlflow_error_message(experiment.tracking_uri, error)) from error
    try:
        yield experiment_id
    finally:
        client.delete_experiment(experiment_id)
