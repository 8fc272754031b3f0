"""cleanup: a docstring is wanted here."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from rich.console import Console

from faceseg.errors import UserError
from pipelines.config.secrets import redact
from pipelines.job.context import StudyContext
from pipelines.tracking import DeliveryStatus, Sender, Status


def wait_for_delivery(context: StudyContext, sender: Sender, console: Console) -> None:
    """Wait until MLflow has all that was said. UserError, naming what waits, if it stays away."""
    last = time.monotonic()
    before = waiting = sender.status()
    while waiting.records:
        if sender.drain(MESSAGE_INTERVAL):
            break
        waiting = sender.status()
        if waiting.records < before.records:
            last = time.monotonic()
        if time.monotonic() - last > DELIVERY_TIMEOUT:
            raise UserError(
                f"{delivery_message(waiting, context)}. Nothing is lost: start MLflow again, and the same "
                "command sends them and goes on"
            )
        console.print(
            f"{delivery_message(waiting, context)}; waiting for it", style="yellow", markup=False
        )
        before = waiting
    sender.remove_empty_outboxes()
    if refused := sender.status().refused:
        console.print(
            f"MLflow refused {refused} records for good; they lie in {context.outboxes}: "
            "*.refused, the reasons beside them",
            style="yellow",
            markup=False,
        )


def delivery_message(waiting: DeliveryStatus, context: StudyContext) -> str:
    """Say what waits, where, and why."""
    where = f"{waiting.records} records of {waiting.runs} runs wait in {context.outboxes}"
    if waiting.since is None:
        return where
    uri = redact(context.tracker.uri)
    return f"MLflow at {uri} has not answered since {waiting.clock} ({waiting.error}); {where}"


@contextmanager
def close_runs_on_error(context: StudyContext) -> Iterator[None]:
    """On any error send what waits and mark what runs as stopped: nothing runs any more.

    MLflow's own failure becomes a UserError: what was done is kept.
    """
    try:
        yield
    except BaseException as error:
        status: Status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
        with suppress(MlflowException):  # it may be MLflow that failed: the first error is told
            with Sender(context.outboxes, context.tracker) as sender:
                sender.drain(FINAL_DRAIN_TIMEOUT)
            for run in running_runs(context):
                context.tracker.end(run.info.run_id, status)
        if isinstance(error, MlflowException):
            raise UserError(
                redact(f"MLflow at {context.tracker.uri} failed: {error}")
                + ". What was done is kept: mend that, and the same command goes on"
            ) from error
        raise


def fail_lost_runs(context: StudyContext) -> None:
    """Close the runs of jobs that were told failed because their workers had died."""
    for run in running_runs(context):
        if run.info.run_id != context.study_run:
            context.tracker.set_tags(
                run.info.run_id, state="failed", reason="given up: its worker died"
            )
            context.tracker.end(run.info.run_id, "FAILED")


def running_runs(context: StudyContext) -> list[Run]:
    """Return the runs of a study that MLflow holds for running."""
    runs = context.tracker.find_runs(context.experiment_id, study=context.name)
    return [run for run in runs if run.info.status == "RUNNING"]


DELIVERY_TIMEOUT = 600.0  # seconds that a study waits at its end for an MLflow that takes nothing


MESSAGE_INTERVAL = 15.0  # seconds between two lines that say so


FINAL_DRAIN_TIMEOUT = 15.0  # seconds that a stopped study gives its records to arrive
