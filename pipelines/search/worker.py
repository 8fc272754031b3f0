"""A worker: one process, one device or a share of it, one job after the other.

It imports its framework once and keeps compiled networks, so it takes many jobs; it is
retired after a set number of them, since frameworks leak a little.
"""

import os
import time
import traceback
from dataclasses import dataclass
from typing import Any

import ray
from rich.console import Console

from faceseg.errors import UserError
from pipelines.context import Context
from pipelines.prepare import prepare
from pipelines.search.coordinator import WAIT
from pipelines.search.job import Job, Key
from pipelines.tracking import Sender

PARTING = 5.0  # seconds that a worker which leaves gives its records to arrive
PAUSE = 1.0  # seconds between two questions for work, and between two notes of progress


@dataclass(frozen=True)
class Leave:
    """Why a worker stopped: `done`, `retired`, `suspect` (after a failure) or `stop`."""

    why: str
    message: str = ""


class Worker:
    """The actor's class. Made with its own share of CPUs and GPUs by the pool."""

    def __init__(self, name: str, context: Context) -> None:
        # Imported here: the driver sends this class without loading a framework itself.
        from faceseg.devices import claim

        resources = context.experiment.resources
        threads = max(1, int(resources.cpus))
        claim(threads, resources.gpus)
        from pipelines.trial import Bench

        if not context.packs.exists():  # another node's disk: pack once here
            prepare(context.experiment, Console(quiet=True))
        self.name = name
        self.context = context
        self.bench = Bench(context, threads)

    def work(self, coordinator: Any) -> Leave:
        """Do jobs until there are none, or until it is time for a fresh process."""
        with Sender(self.context.outboxes, self.context.tracker) as sender:
            try:
                leave = self._work(coordinator)
            except UserError as error:
                leave = Leave("stop", str(error))
            sender.drain(PARTING)
        return leave

    def _work(self, coordinator: Any) -> Leave:
        done = 0
        while done < self.context.experiment.resources.trials_per_worker:
            job = ray.get(coordinator.next.remote(self.name))
            if job is None:
                return Leave("done")
            if job == WAIT:
                time.sleep(PAUSE)
                continue
            try:
                result = self.bench.do(job, RayLine(coordinator))
            except UserError:
                raise
            except Exception as error:  # the trial's own failure: told, and the study goes on
                self._fail(coordinator, job, error)
                return Leave("suspect", f"{job.key.label}: {error}")
            ray.get(
                coordinator.finish.remote(
                    self.name, job.key, result.value, result.pruned, result.reason
                )
            )
            self.bench.forget(job)
            done += 1
        return Leave("retired")

    def _fail(self, coordinator: Any, job: Job, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"[:500]
        self.bench.fail(job, reason, traceback.format_exc())
        ray.get(coordinator.finish.remote(self.name, job.key, None, False, reason))
        self.bench.forget(job)


class RayLine:
    """A job's line to the coordinator."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        self._last = 0.0

    def progress(self, key: Key, epoch: int, percent: int, loss: float) -> None:
        """Send a note at most once a second, and do not wait for it."""
        if time.monotonic() - self._last > PAUSE:
            self._last = time.monotonic()
            self._coordinator.progress.remote(key, epoch, percent)

    def report(self, key: Key, epoch: int, value: float, images_per_second: float) -> bool:
        """Send an epoch's value and wait for the verdict."""
        verdict: bool = ray.get(
            self._coordinator.report.remote(key, epoch, value, images_per_second)
        )
        return verdict


def environment(experiment_gpus: float) -> dict[str, str]:
    """Return the environment variables of a worker process.

    Ray no longer hides the cards from an actor that asked for none: we do.
    """
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the sender tries again, and says so
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    if experiment_gpus <= 0:
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    return variables
