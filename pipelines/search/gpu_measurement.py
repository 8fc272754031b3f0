"""The speed and the memory of finals on a GPU, measured at the end of a study that uses one.

A final is trained while other workers share the GPU, so its speed there would be that of a busy
GPU, and its memory would count against the worker's share. At the end, when no worker runs, one
Ray task with a worker's share of a GPU measures each final in a process of its own, one after the
other.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import ray
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from ray.exceptions import RayError

from faceseg.errors import UserError, first_line
from pipelines.job.context import StudyContext
from pipelines.job.gpu_metrics import GPU_LATENCY
from pipelines.job.log import open_log
from pipelines.registry.card import with_gpu_cost
from pipelines.search.quiet_latency import DELIVERY_TIMEOUT, complete_finals
from pipelines.search.worker import worker_environment
from pipelines.tracking import Sender
from pipelines.tracking.run_networks import fetch_networks, networks_of, views_of

if TYPE_CHECKING:
    from pipelines.execution.gpu_cost import GpuCost

logger = logging.getLogger(__name__)
NOT_MEASURED = "speed and memory on the GPU are not measured"


def measure_on_gpu(context: StudyContext, winners: Mapping[str, str], sender: Sender) -> list[str]:
    """Measure the finals that were not measured on a GPU yet, if the study uses one.

    A failure leaves the figures out of the report.

    Args:
        context: The study, whose workers have ended.
        winners: The digest of each model's winner.
        sender: The driver's own.

    Returns:
        Messages for the terminal.
    """
    resources = context.experiment.resources
    gpus = min(resources.gpus, 1.0)  # one network predicts on one GPU
    if not gpus:
        return []
    try:
        if not sender.drain(DELIVERY_TIMEOUT):
            return [f"{NOT_MEASURED}: MLflow does not respond"]
        finals = complete_finals(context, winners)
        missing = {run.info.run_id: networks_of(run) for run in finals if not _is_measured(run)}
        if not missing:
            return []
        task = ray.remote(_measure_in_task).options(
            num_cpus=resources.cpus,
            num_gpus=gpus,
            runtime_env={"env_vars": worker_environment(gpus)},
        )
        failures: list[str] = ray.get(task.remote(context, missing, gpus))
    except (MlflowException, OSError, RayError, UserError) as error:
        reason = first_line(getattr(error, "cause", None) or error)
        logger.warning(NOT_MEASURED, exc_info=error)
        return [f"{NOT_MEASURED}: {reason}"]
    messages = [f"{NOT_MEASURED} of {failure}" for failure in failures]
    if done := len(missing) - len(failures):
        messages.append(f"speed and memory of {done} finals measured on the GPU")
    return messages


def _is_measured(run: Run) -> bool:
    return GPU_LATENCY in run.data.metrics


def _measure_in_task(
    context: StudyContext, runs: Mapping[str, list[str]], gpus: float
) -> list[str]:
    """Measure each final and log it; return why some could not be measured.

    This process opens no GPU: each measurement is a process of its own, which inherits the GPU
    that Ray gave to this one.
    """
    from pipelines.execution.gpu_cost import gpu_cost

    open_log(context.experiment.storage, context.name, "gpu")
    failures = []
    for run_id, networks in runs.items():
        try:
            with TemporaryDirectory(prefix="faceseg-") as folder:
                files = fetch_networks(context.tracker, networks, Path(folder))
                views = views_of(context.tracker.client.get_run(run_id))
                cost = gpu_cost(files, context.experiment.resources.threads, gpus, views)
        except RuntimeError as error:
            logger.warning("run %s is not measured on the GPU", run_id, exc_info=error)
            failures.append(f"run {run_id}: {str(error).strip().splitlines()[-1]}")
        else:
            log_gpu_cost(context, run_id, cost)
    return failures


def log_gpu_cost(context: StudyContext, run_id: str, cost: "GpuCost") -> None:
    """Log a measurement in a final's run, and write it in the card of its registered version."""
    tracker = context.tracker
    tracker.log_metrics(run_id, cost.metrics, 0, at=time.time())
    tracker.set_tags(run_id, gpu=cost.gpu)
    logger.info("run %s on %s: %s", run_id, cost.gpu, cost.metrics)
    client, model = tracker.client, context.experiment.tracking.registered_model
    for version in client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'"):
        card = with_gpu_cost(version.description or "", cost.gpu, cost.metrics)
        client.update_model_version(model, version.version, description=card)
