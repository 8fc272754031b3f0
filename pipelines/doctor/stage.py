"""The doctor's round: the experiment, Ray, every node, and what they share."""

import os

import ray
from rich.console import Console

from faceseg.errors import UserError
from pipelines import study
from pipelines.config import Experiment
from pipelines.doctor import nodes, services
from pipelines.doctor.node import mlflow_trouble
from pipelines.doctor.nodes import SHORT, Place, ask
from pipelines.doctor.report import Report
from pipelines.search.connection import address_of, check_reach, connect


def run(experiment: Experiment, console: Console) -> bool:
    """Check all that a study needs, and return whether all is well."""
    os.environ.update(SHORT)
    report = Report(console)
    report.check("experiment", lambda: _experiment(experiment))
    report.check("optuna", lambda: services.optuna(experiment))
    began = ray.is_initialized()
    if report.check("ray", lambda: _reach(experiment)):
        try:
            _on_ray(report, experiment)
        finally:
            if not began:
                ray.shutdown()
    return report.sound


def _experiment(experiment: Experiment) -> str:
    study.check(experiment)
    return (
        f"{experiment.study}: {', '.join(experiment.architectures)}, {experiment.search.trials} "
        f"trials and {experiment.finals.seeds} finals each"
    )


def _reach(experiment: Experiment) -> str:
    connect(experiment.resources)
    address = address_of(experiment.resources)
    return f"reached at {address}" if address else "none is running: a study starts it here"


def _on_ray(report: Report, experiment: Experiment) -> None:
    report.check("workers", lambda: services.workers(experiment))
    if address_of(experiment.resources):
        report.check("access", services.doors)
    places = nodes.visit()
    try:
        nodes.check_versions(report, places)
        nodes.check_clocks(report, places)
        nodes.check_storage(report, places, experiment)
        report.check_nodes("disk", ask(places, "disk", experiment.storage.resolve()))
        if experiment.checkpoints:
            report.check_nodes("checkpoints", ask(places, "checkpoints", experiment.checkpoints))
        _mlflow(report, places, experiment)
    finally:
        nodes.leave(places)
    if experiment.resources.gpus:
        _cards(report, experiment)


def _mlflow(report: Report, places: list[Place], experiment: Experiment) -> None:
    uri = experiment.tracking_uri
    try:
        check_reach(uri)
        with services.mlflow_experiment(experiment) as experiment_id:
            report.check_nodes("mlflow", ask(places, "mlflow", uri, experiment_id))
    except UserError as error:
        report.wrong("mlflow", error)
    except Exception as error:  # the doctor's own experiment could not be deleted
        report.wrong("mlflow", UserError(mlflow_trouble(uri, error)))


def _cards(report: Report, experiment: Experiment) -> None:
    gpus = experiment.resources.gpus
    places = nodes.visit(gpus)
    try:
        report.check_nodes("gpu", ask(places, "card", gpus))
    finally:
        nodes.leave(places)
