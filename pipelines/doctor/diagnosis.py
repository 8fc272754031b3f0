"""`faceseg doctor`: check the experiment, Optuna's database, Ray, every node and MLflow."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ray
from rich.console import Console

from faceseg.errors import UserError, without_secrets
from pipelines.cluster.connection import (
    check_tracking_reachable,
    connect_ray,
    ray_address,
    worker_count,
)
from pipelines.config import Experiment
from pipelines.config.server_access import is_loopback
from pipelines.doctor import all_nodes
from pipelines.doctor.all_nodes import SHORT_MLFLOW_TIMEOUTS, NodeActor, call_on_nodes
from pipelines.doctor.check_report import CheckReport
from pipelines.doctor.node_checks import mlflow_error_message
from pipelines.search.database import open_storage
from pipelines.studies import study
from pipelines.studies.budget import work_of_each
from pipelines.tracking import Tracker

DOCTOR_EXPERIMENT = "faceseg-doctor"


def diagnose(experiment: Experiment, console: Console) -> bool:
    """Run all checks and print their results.

    Args:
        experiment: The experiment whose requirements are checked.
        console: Receives a line per check.

    Returns:
        Whether all checks passed.
    """
    os.environ.update(SHORT_MLFLOW_TIMEOUTS)
    report = CheckReport(console)
    report.check("experiment", lambda: _check_experiment(experiment))
    report.check("optuna", lambda: check_optuna(experiment))
    was_connected = ray.is_initialized()
    if report.check("ray", lambda: _connect(experiment)):
        try:
            _check_cluster(report, experiment)
        finally:
            if not was_connected:
                ray.shutdown()
    return report.all_passed


def _check_experiment(experiment: Experiment) -> str:
    study.check_experiment(experiment)
    architectures = ", ".join(experiment.architectures)
    return f"{experiment.study}: {architectures}, {work_of_each(experiment)} each"


def _connect(experiment: Experiment) -> str:
    connect_ray(experiment.resources)
    address = ray_address(experiment.resources)
    return f"connected to {address}" if address else "none is running: the study starts one here"


def _check_cluster(report: CheckReport, experiment: Experiment) -> None:
    report.check("workers", lambda: check_workers(experiment))
    if ray_address(experiment.resources):
        report.check("access", check_dashboard_access)
    nodes = all_nodes.start_node_actors()
    try:
        all_nodes.check_versions(report, nodes)
        all_nodes.check_clocks(report, nodes)
        all_nodes.check_storage(report, nodes, experiment)
        report.check_nodes("disk", call_on_nodes(nodes, "disk", experiment.storage.resolve()))
        if experiment.checkpoints:
            report.check_nodes(
                "checkpoints", call_on_nodes(nodes, "checkpoints", experiment.checkpoints)
            )
        _check_mlflow(report, nodes, experiment)
    finally:
        all_nodes.stop_node_actors(nodes)
    if experiment.resources.gpus:
        _check_gpus(report, experiment)


def _check_mlflow(report: CheckReport, nodes: list[NodeActor], experiment: Experiment) -> None:
    uri = experiment.tracking_uri
    try:
        check_tracking_reachable(uri)
        with mlflow_experiment(experiment) as experiment_id:
            report.check_nodes("mlflow", call_on_nodes(nodes, "mlflow", uri, experiment_id))
    except UserError as error:
        report.print_failed("mlflow", error)
    except Exception as error:  # the experiment of the checks could not be deleted
        report.print_failed("mlflow", UserError(mlflow_error_message(uri, error)))


def _check_gpus(report: CheckReport, experiment: Experiment) -> None:
    gpus = experiment.resources.gpus
    nodes = all_nodes.start_node_actors(gpus)
    try:
        for name in ("driver", "libraries", "visible", "code"):
            report.check_nodes(f"gpu {name}", call_on_nodes(nodes, f"gpu_{name}"))
        report.check_nodes("gpu", call_on_nodes(nodes, "gpu", gpus))
    finally:
        all_nodes.stop_node_actors(nodes)


def check_workers(experiment: Experiment) -> str:
    """Return the resources of Ray.

    Raises:
        UserError: Fewer workers fit than the experiment requests.
    """
    resources = experiment.resources
    have = ray.cluster_resources()
    nodes = sum(node["Alive"] for node in ray.nodes())
    room = worker_count(resources.model_copy(update={"workers": None}))
    finding = (
        f"{nodes} node{'s' * (nodes > 1)}, {have.get('CPU', 0):g} CPUs, {have.get('GPU', 0):g} "
        f"GPUs: room for {room} workers of {resources.cpus:g} CPUs and {resources.gpus:g} GPUs"
    )
    if resources.workers and resources.workers > room:
        raise UserError(
            f"{finding}; {resources.workers} were requested. The others will wait for nodes: add "
            "nodes, or reduce resources.workers, resources.cpus or resources.gpus"
        )
    return finding


def check_dashboard_access() -> str:
    """Check that Ray's dashboard, through which code can be run, is not open to the network.

    Raises:
        UserError: It listens on a non-loopback address without a token.
    """
    dashboard = ray.init(ignore_reinit_error=True, logging_level="ERROR").dashboard_url
    host = urlsplit(f"//{dashboard}").hostname if dashboard else None
    if os.environ.get("RAY_AUTH_MODE", "").lower() == "token":
        return "Ray requires a token"
    if host is None:
        return "Ray requires no token, and has no dashboard"
    if is_loopback(host):
        return "Ray requires no token, but its dashboard is reachable only from this machine"
    raise UserError(
        f"Ray's dashboard at {dashboard} requires no token, so anyone who can reach it can run "
        "code here. Start Ray on all nodes with RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, or "
        "at least with --dashboard-host=127.0.0.1 behind a firewall"
    )


def check_optuna(experiment: Experiment) -> str:
    """Open Optuna's database, creating its tables if it is new; return the number of studies.

    Raises:
        UserError: The database cannot be opened.
    """
    url = experiment.search_database
    try:
        storage = open_storage(url)
        studies = len(storage.get_all_studies())
        storage.engine.dispose()
    except Exception as error:  # a missing driver, a wrong password, no server, another schema
        reason = without_secrets(" ".join(str(error).split()))[:300]
        raise UserError(
            f"{url} cannot be opened: {reason}. Check that the database exists, accepts "
            "connections from this machine, and that the login is right; see infra/README.md"
        ) from error
    return f"{url} contains {studies} studies"


@contextmanager
def mlflow_experiment(experiment: Experiment) -> Iterator[str]:
    """Yield the id of an MLflow experiment for the runs of the checks; delete it at the end.

    Raises:
        UserError: MLflow cannot be used.
    """
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
    except Exception as error:  # MLflow re-raises what its stores and its client raise
        raise UserError(mlflow_error_message(experiment.tracking_uri, error)) from error
    try:
        yield experiment_id
    finally:
        client.delete_experiment(experiment_id)
