"""A worker: one process, one device or a share of it, one job after the other.

It imports its framework once and keeps compiled networks, so it takes many jobs; it is
retired after a set number of them, since frameworks leak a little.
"""

import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from ray.exceptions import RayError
from rich.console import Console

from faceseg.backends import preferred
from faceseg.errors import UserError
from faceseg.training.stopwatch import Stopwatch
from pipelines.cluster.connection import RETRY_PAUSE, call_actor
from pipelines.data.prepare import prepare
from pipelines.job import context, results
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, JobKey, derive_seed
from pipelines.search import failure_policy
from pipelines.search.coordinator import WAIT
from pipelines.search.leases import LeaseLostError, LockHeldError, job_lock
from pipelines.search.trials import JobOutcome, out_of_memory_message
from pipelines.tracking import Sender

FINAL_DRAIN_TIMEOUT = 5.0  # seconds that a worker which leaves gives its records to arrive


@dataclass(frozen=True)
class WorkerExit:
    """Why a worker stopped: `done`, `retired`, `suspect` (after a failure) or `stop`."""

    reason: str
    message: str = ""


class Worker:
    """The actor's class. Made with its own share of CPUs and GPUs by the pool."""

    def __init__(self, name: str, context: StudyContext) -> None:
        self.name = name
        self.context = context
        self.runner: Any = None
        self.clock = Stopwatch()
        self.clock.add(
            {results.START_PHASE: max(0.0, time.time() - psutil.Process().create_time())}
        )

    def work(self, coordinator: Any) -> WorkerExit:
        """Do jobs until there are none, or until it is time for a fresh process.

        Raises what is nobody's fault that is known: the pool decides.
        """
        with Sender(self.context.outboxes, self.context.tracker) as sender:
            try:
                leave = self._work(coordinator)
            except UserError as error:
                leave = WorkerExit("stop", str(error))
            except Exception as error:
                words = failure_policy.disk_error_message(error, self.context.experiment.storage)
                if words is None:
                    raise
                leave = WorkerExit("stop", words)
            self._log_remaining_time()
            sender.drain(FINAL_DRAIN_TIMEOUT)
        return leave

    def _log_remaining_time(self) -> None:
        """Say on the study's run where the time after the last job went: a point a worker."""
        outbox = context.study_outbox(self.context, self.name)
        step = derive_seed(0, self.name)  # any number that no other worker has
        with suppress(OSError):  # a full disk is told by what cannot do without it
            outbox.metrics(results.phase_metrics(self.clock.lap()), step)

    def make_runner(self) -> Any:
        """Claim this process's share of the machine and return where jobs are done."""
        # Imported here: the driver sends this class without loading a framework itself.
        from faceseg.backends.device import configure_device

        experiment = self.context.experiment
        threads = max(1, int(experiment.resources.cpus))
        configure_device(threads, experiment.resources.gpus)
        from pipelines.execution.runner import JobRunner

        if not self.context.packs.exists():  # another node's disk: pack once here
            prepare(experiment, Console(quiet=True))
        return JobRunner(self.context, threads, self.clock)

    def _work(self, coordinator: Any) -> WorkerExit:
        with self.clock.phase(results.IMPORTS_PHASE):
            self.runner = self.make_runner()
        done = 0
        while done < self.context.experiment.resources.trials_per_worker:
            with self.clock.phase(results.WAITING_PHASE):
                job = call_actor(coordinator.next, self.name, self.runner.compiled_networks())
                if job == WAIT:
                    time.sleep(RETRY_PAUSE)
                    continue
            if job is None:
                return WorkerExit("done")
            try:
                with job_lock(self._lock(job)):
                    leave = self._do(job, coordinator)
            except (LockHeldError, LeaseLostError) as error:
                return WorkerExit("suspect", str(error))
            if leave is not None:
                return leave
            done += 1
        return WorkerExit("retired")

    def _do(self, job: Job, coordinator: Any) -> WorkerExit | None:
        """Do one job to its end; return why to leave after it, or None."""
        leave = None
        try:
            result = self.runner.do(job, CoordinatorReporter(coordinator, self.name))
            end = JobOutcome(result.value, result.pruned, result.reason)
        except Exception as error:
            if not self._is_the_jobs_own(error):
                raise
            end = self._fail(job, error)  # told, and the study goes on
            leave = WorkerExit("suspect", f"{job.key.label}: {end.reason}")
        with self.clock.phase(results.LOGGING_PHASE):
            ended = call_actor(coordinator.finish, self.name, job.key, end)
        if not ended:
            raise LeaseLostError(f"{job.key.label} was ended by {self.name} after another had it")
        self.runner.remove_checkpoints(job)
        return leave

    def _is_the_jobs_own(self, error: Exception) -> bool:
        """Return whether an error is the job's: not the user's mistake, Ray's or the disk's."""
        if isinstance(error, UserError | RayError | LeaseLostError):
            return False
        return failure_policy.disk_error_message(error, self.context.experiment.storage) is None

    def _fail(self, job: Job, error: Exception) -> JobOutcome:
        from faceseg.backends.memory import is_out_of_memory

        out_of_memory = is_out_of_memory(error)
        reason = f"{type(error).__name__}: {error}"[:500]
        if out_of_memory:
            reason = out_of_memory_message(job.settings.batch_size)
        self.runner.record_failure(job, reason, traceback.format_exc())
        return JobOutcome(None, reason=reason, out_of_memory=out_of_memory)

    def _lock(self, job: Job) -> Any:
        return self.context.checkpoints / job.study / f"{job.key.folder}.lock"


class CoordinatorReporter:
    """A job's line to the coordinator."""

    def __init__(self, coordinator: Any, worker: str) -> None:
        self._coordinator = coordinator
        self._worker = worker
        self._last = 0.0

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Send a note at most once a second, and do not wait for it."""
        if time.monotonic() - self._last > RETRY_PAUSE:
            self._last = time.monotonic()
            self._coordinator.progress.remote(key, epoch, percent)

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Send an epoch's value and wait for the verdict; return whether to go on.

        Raises LeaseLostError if the job is another's by now.
        """
        verdict = call_actor(
            self._coordinator.report, self._worker, key, epoch, value, images_per_second
        )
        if verdict == "leave":
            raise LeaseLostError(f"{key.label} was given to another worker than {self._worker}")
        return bool(verdict == "go on")


def worker_environment(experiment_gpus: float) -> dict[str, str]:
    """Return the environment variables of a worker process.

    Ray no longer hides the cards from an actor that asked for none: we do.
    """
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": preferred(),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the sender tries again, and says so
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    if experiment_gpus <= 0:
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    return variables
