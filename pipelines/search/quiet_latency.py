"""The latency of finals, measured again while no worker runs.

A final measures its latency when it ends, while other workers train: contention makes it slower by
chance. At the end of a study, each final that was measured on a busy machine is measured again, one
after the other, in one Ray task with a worker's share of a node. The run keeps all points; the last
step counts.
"""

import logging
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import ray
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from ray.exceptions import RayError

from faceseg.errors import UserError, first_line
from pipelines.job.context import StudyContext
from pipelines.job.log import open_log
from pipelines.job.machine_load import LOAD_METRIC, is_quiet
from pipelines.search.worker import worker_environment
from pipelines.tracking import Sender
from pipelines.tracking.run_networks import fetch_networks, networks_of, views_of

DELIVERY_TIMEOUT = 60.0  # seconds for the records of the last finals to reach MLflow
LATENCY = "latency/p50_ms"
logger = logging.getLogger(__name__)


def measure_again(context: StudyContext, winners: Mapping[str, str], sender: Sender) -> list[str]:
    """Measure the latency of the finals again that were measured on a busy machine.

    A failure leaves the earlier measurement, whose load the report shows.

    Args:
        context: The study, whose workers have ended.
        winners: The digest of each model's winner.
        sender: The driver's own.

    Returns:
        Messages for the terminal.
    """
    try:
        if not sender.drain(DELIVERY_TIMEOUT):
            return ["latency is not measured again: MLflow does not respond"]
        runs = busy_finals(context, winners)
        if not runs:
            return []
        resources = context.experiment.resources
        task = ray.remote(_measure_in_task).options(
            num_cpus=resources.cpus,
            runtime_env={"env_vars": worker_environment(0)},  # as the first measurement
        )
        found: dict[str, float] = ray.get(task.remote(context, runs))
    except (MlflowException, OSError, RayError, UserError) as error:
        reason = first_line(getattr(error, "cause", None) or error)
        logger.warning("latency is not measured again", exc_info=error)
        return [f"latency is not measured again: {reason}"]
    loads = f"{max(found.values()):.1f}"
    return [
        f"latency of {len(found)} finals measured again, while no worker runs; other programs "
        f"kept up to {loads} cores busy"
    ]


def busy_finals(context: StudyContext, winners: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the finals whose latency is not that of a quiet machine.

    Returns:
        By run id, the ids of the runs that contain the networks: the run itself, or the members of
        a model that is not trained.
    """
    finals = complete_finals(context, winners)
    return {run.info.run_id: networks_of(run) for run in finals if not is_quiet(run.data.metrics)}


def complete_finals(context: StudyContext, winners: Mapping[str, str]) -> list[Run]:
    """Return the runs of the winners' complete finals."""
    return [
        run
        for name, winner in winners.items()
        for run in context.tracker.find_runs(
            context.experiment_id,
            study=context.experiment.study,
            kind="final",
            architecture=name,
            winner=winner,
            state="complete",
        )
    ]


def _measure_in_task(context: StudyContext, runs: Mapping[str, list[str]]) -> dict[str, float]:
    """Measure each final and log it, in a worker's process; return the loads by run id."""
    from faceseg.backends.device import configure_device

    open_log(context.experiment.storage, context.name, "latency")
    resources = context.experiment.resources
    configure_device(resources.threads)
    return {
        run_id: measure_run(context, run_id, networks, resources.threads)
        for run_id, networks in runs.items()
    }


def measure_run(context: StudyContext, run_id: str, networks: list[str], threads: int) -> float:
    """Measure the latency of a final with this process's framework, and log it.

    Args:
        context: The study.
        run_id: The final's run.
        networks: The runs that contain its networks.
        threads: Processor threads that this process is configured to use.

    Returns:
        The load of the machine.
    """
    from faceseg.inference.ensemble import load_networks
    from pipelines.execution.cost import measure_speed

    tracker = context.tracker
    with TemporaryDirectory(prefix="faceseg-") as folder:
        files = fetch_networks(tracker, networks, Path(folder))
        predictor = load_networks(files, views_of(tracker.client.get_run(run_id)))
    values = measure_speed(predictor, threads)
    step = len(tracker.client.get_metric_history(run_id, LATENCY))  # the later step counts
    tracker.log_metrics(run_id, values, step, at=time.time())
    tracker.set_tags(run_id, latency_host=socket.gethostname())
    _correct_version(context, run_id, values[LATENCY])
    logger.info("latency of run %s: %s", run_id, values)
    return values[LOAD_METRIC]


def _correct_version(context: StudyContext, run_id: str, milliseconds: float) -> None:
    """Write the latency in the tag of the final's registered version, if it has one."""
    client = context.tracker.client
    model = context.experiment.tracking.registered_model
    for version in client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'"):
        client.set_model_version_tag(
            model, version.version, "latency_p50_ms", f"{milliseconds:.2f}"
        )
