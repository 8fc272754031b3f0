"""Ending a study: wait until MLflow has all records, and close runs that are still open."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from requests import RequestException
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config.secrets import redact
from pipelines.job.context import StudyContext, study_sender
from pipelines.tracking import DeliveryStatus, Sender, Status
from pipelines.tracking.errors import mlflow_error_message
from pipelines.tracking.refusals import describe_refusals

logger = logging.getLogger(__name__)
DELIVERY_TIMEOUT = 600.0  # seconds to wait for an MLflow that accepts no record
MESSAGE_INTERVAL = 15.0  # seconds between two messages about that
FINAL_DRAIN_TIMEOUT = 15.0  # seconds for a stopped study to send its remaining records


def wait_for_delivery(context: StudyContext, sender: Sender, console: Console) -> None:
    """Wait until MLflow has all records of the study.

    Args:
        context: The study.
        sender: Sends the records.
        console: Receives messages about the records that are still waiting or were refused.

    Raises:
        UserError: MLflow has accepted no record for DELIVERY_TIMEOUT, or its database was
            deleted or replaced.
    """
    _require_experiment(context, sender)
    last_progress = time.monotonic()
    before = status = sender.status()
    while status.records:
        if sender.drain(MESSAGE_INTERVAL):
            break
        _require_experiment(context, sender)
        status = sender.status()
        if status.records < before.records:
            last_progress = time.monotonic()
        if time.monotonic() - last_progress > DELIVERY_TIMEOUT:
            raise UserError(
                f"{delivery_message(status, context)}. Nothing is lost: start MLflow again, and "
                "re-run the same command to send the records and resume"
            )
        logger.warning("waiting for MLflow: %s", delivery_message(status, context))
        console.print(
            f"{delivery_message(status, context)}; waiting for it", style="yellow", markup=False
        )
        before = status
    sender.remove_empty_outboxes()
    if refused := describe_refusals(context.outboxes):
        console.print(refused, style="yellow", markup=False)


def _require_experiment(context: StudyContext, sender: Sender) -> None:
    """Raise UserError if MLflow responds and does not have the study's experiment any more."""
    try:
        context.tracker.probe()
        context.tracker.client.get_experiment(context.experiment_id)
    except RequestException:
        return
    except MlflowException as error:
        missing = error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
        if not missing and "no such table" not in str(error):
            return
        raise UserError(
            f"MLflow at {context.tracker.uri} does not contain the experiment "
            f"{context.experiment.name!r} any more: its database was deleted or replaced while "
            f"this ran. {sender.status().records} records wait in {context.outboxes}. Re-run the "
            "same command to send them, and to make finals again that were lost"
        ) from error


def delivery_message(status: DeliveryStatus, context: StudyContext) -> str:
    """Return how many records are waiting, where they are stored, and why."""
    waiting = f"{status.records} records of {status.runs} runs are waiting in {context.outboxes}"
    if status.since is None:
        return waiting
    uri = redact(context.tracker.uri)
    return (
        f"MLflow at {uri} has accepted no record since {status.clock} ({status.error}); {waiting}"
    )


@contextmanager
def close_runs_on_error(context: StudyContext) -> Iterator[None]:
    """On an error in the context, send the remaining records and close the study's open runs.

    Runs are closed as KILLED after Ctrl-C or SIGTERM, and as FAILED otherwise.

    Args:
        context: The study.

    Raises:
        UserError: MLflow failed; any other error is raised unchanged.
    """
    try:
        yield
    except BaseException as error:
        status: Status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        # If MLflow failed, only its first error is reported.
        with suppress(MlflowException, UserError):
            with study_sender(context) as sender:
                sender.drain(FINAL_DRAIN_TIMEOUT)
            for run in running_runs(context):
                logger.warning("closing run %s as %s", run.info.run_id, status)
                context.tracker.end(run.info.run_id, status)
        if isinstance(error, MlflowException):
            words = mlflow_error_message(error, context.tracker.uri)
            words = words or f"MLflow at {context.tracker.uri} failed: {error}"
            raise UserError(
                f"{words}. Finished work is stored: repair MLflow, and re-run the same command to "
                "resume"
            ) from error
        raise


def fail_lost_runs(context: StudyContext) -> None:
    """Close the runs of jobs that were recorded as failed because their workers died."""
    for run in running_runs(context):
        if run.info.run_id != context.study_run:
            context.tracker.set_tags(
                run.info.run_id, state="failed", reason="given up: its worker died"
            )
            context.tracker.end(run.info.run_id, "FAILED")


def running_runs(context: StudyContext) -> list[Run]:
    """Return the study's runs whose status in MLflow is RUNNING."""
    runs = context.tracker.find_runs(context.experiment_id, study=context.name)
    return [run for run in runs if run.info.status == "RUNNING"]
