"""A worker: one process on one device, or a share of it, that runs one job after the other.

It imports the framework once and keeps compiled networks, so it runs many jobs. After a set number
of jobs it is replaced, because frameworks leak some memory.
"""

import logging
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from faceseg.backends import preferred
from faceseg.backends.autotuning import share_autotuning
from faceseg.backends.cards import ORDER, PCI_ORDER, VISIBLE
from faceseg.backends.memory import is_out_of_memory
from faceseg.errors import without_secrets
from faceseg.training.stopwatch import Stopwatch
from pipelines.cluster.connection import RETRY_PAUSE, call_actor
from pipelines.data.prepare import prepare
from pipelines.job import results
from pipelines.job.context import StudyContext, describe_job, study_outbox, study_sender
from pipelines.job.cost_meter import CostMeter
from pipelines.job.device_share import use_share
from pipelines.job.job import Job, JobKey
from pipelines.job.log import log_environment, log_run, open_log
from pipelines.search.coordinator import WAIT
from pipelines.search.failure_policy import POLICY, Decision, Ruling
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import LeaseLostError, job_lock

FINAL_DRAIN_TIMEOUT = 5.0  # seconds for the records of an ending worker to reach MLflow
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerExit:
    """Why a worker ended.

    Attributes:
        reason: `done` (no job is left), `retired` (it ran its number of jobs), `failed` (a job
            failed or was lost: the process is replaced) or `stop` (the study ends).
        message: What to show, if anything.
    """

    reason: str
    message: str = ""


class Worker:
    """The class of the worker's actor, which Ray starts with its share of CPUs and GPUs.

    Args:
        name: `SESSION/worker-N`.
        context: The study.
    """

    def __init__(self, name: str, context: StudyContext) -> None:
        open_log(context.experiment.storage, context.name, name.rpartition("/")[2])
        self.name = name
        self.context = context
        self.runner: Any = None
        self.meter = CostMeter(context.experiment.resources, context.energy_accounts)
        self.clock = Stopwatch()
        self.clock.add(
            {results.START_PHASE: max(0.0, time.time() - psutil.Process().create_time())}
        )
        logger.info("%s started", name)

    def work(self, coordinator: Any) -> WorkerExit:
        """Run jobs until none is left, or until this process should be replaced.

        Errors of unknown cause are raised; `FailurePolicy` decides what follows.
        """
        with study_sender(self.context) as sender:
            try:
                result = self._work(coordinator)
            except Exception as error:
                ruling = POLICY.worker_error(error, self.context.experiment.storage)
                logger.warning("%s: %s", ruling.decision.value, ruling.reason, exc_info=True)
                if not ruling.reason:
                    raise
                stops = ruling.decision is Decision.STOP
                result = WorkerExit("stop" if stops else "failed", ruling.reason)
            self._log_remaining_time()
            sender.drain(FINAL_DRAIN_TIMEOUT)
        logger.info("%s finished: %s", self.name, result.reason)
        return result

    def _log_remaining_time(self) -> None:
        """Log the time since the last job in the study's run, in one tag per worker."""
        outbox = study_outbox(self.context, self.name)
        with suppress(OSError):  # the code that needs the disk reports that it is full
            outbox.tags(**results.worker_time_tags(self.name, self.clock.lap()))

    def make_runner(self) -> Any:
        """Configure this process's share of the machine and return what runs jobs."""
        experiment = self.context.experiment
        if experiment.resources.gpus > 0 and preferred() == "tensorflow":
            share_autotuning((experiment.storage / "compiled" / "autotuning").resolve())
        use_share(experiment.resources)
        # Imported here: the driver sends this class and loads no framework itself.
        from pipelines.execution.runner import JobRunner

        if not self.context.packs.exists():  # this node has its own disk: pack once here
            prepare(experiment, Console(quiet=True))
        return JobRunner(self.context, experiment.resources.threads, self.clock, self.meter)

    def _work(self, coordinator: Any) -> WorkerExit:
        with self.clock.phase(results.IMPORTS_PHASE):
            self.runner = self.make_runner()
        done = 0
        while done < self.context.experiment.resources.trials_per_worker:
            with self.clock.phase(results.WAITING_PHASE):
                job = call_actor(coordinator.next_job, self.name, self.runner.compiled_networks())
                if job == WAIT:
                    time.sleep(RETRY_PAUSE)
                    continue
            if job is None:
                return WorkerExit("done")
            with log_run(job.key.label), self.meter.attempt(), job_lock(self._lock(job)):
                result = self._run(job, coordinator)
            if result is not None:
                return result
            done += 1
        return WorkerExit("retired")

    def _run(self, job: Job, coordinator: Any) -> WorkerExit | None:
        """Run one job to its end; return why to end the worker after it, or None."""
        logger.info("attempt %d started: %s", job.attempt, describe_job(job))
        worker_exit = None
        try:
            result = self.runner.run(job, CoordinatorReporter(coordinator, self.name, self.meter))
            outcome = JobOutcome(
                value=result.value,
                pruned=result.pruned,
                reason=result.reason,
                own_fault=result.value is None,
                seconds=result.seconds,
                spent=self.meter.stop(),
                goals=result.goals,
            )
        except Exception as error:
            if POLICY.external_error(error, self.context.experiment.storage):
                raise
            ruling = self._record_failure(job, error)
            if ruling.decision is Decision.RETRY:  # the pool frees the job
                return WorkerExit("failed", ruling.reason)
            worker_exit = WorkerExit("failed", f"{job.key.label}: {ruling.reason}")
            outcome = JobOutcome(
                value=None,
                reason=ruling.reason,
                out_of_memory=ruling.out_of_memory,
                spent=self.meter.stop(),
            )
        with self.clock.phase(results.LOGGING_PHASE):
            ended = call_actor(coordinator.finish, self.name, job.key, outcome)
        if not ended:
            raise LeaseLostError(
                f"{job.key.label} was finished by {self.name} after its lease was lost"
            )
        logger.info("finished: value %s, pruned %s", outcome.value, outcome.pruned)
        self.runner.remove_checkpoints(job)
        return worker_exit

    def _record_failure(self, job: Job, error: Exception) -> Ruling:
        """Record that an attempt at the job failed; return what follows."""
        ruling = POLICY.job_error(
            error,
            final=job.key.kind == "final",
            batch_size=job.settings.batch_size,
            out_of_memory=is_out_of_memory(error),
        )
        what = "failed" if ruling.decision is Decision.FAIL else ruling.decision.value
        logger.warning("%s: %s", what, ruling.reason, exc_info=error)
        details = without_secrets("".join(traceback.format_exception(error)))
        self.runner.record_failure(job, ruling.reason, details)
        return ruling

    def _lock(self, job: Job) -> Path:
        return self.context.checkpoints / job.study / f"{job.key.folder}.lock"


class CoordinatorReporter:
    """Report a job's progress to the coordinator.

    Args:
        coordinator: The coordinator's actor.
        worker: The name of the worker that runs the job.
        meter: Measures what it uses.
    """

    def __init__(self, coordinator: Any, worker: str, meter: CostMeter) -> None:
        self._coordinator = coordinator
        self._worker = worker
        self._meter = meter
        self._last = 0.0

    def progress(self, key: JobKey, epoch: int, percent: int, loss: float) -> None:
        """Send the progress at most once per `RETRY_PAUSE`, without waiting for a response."""
        if time.monotonic() - self._last > RETRY_PAUSE:
            self._last = time.monotonic()
            spent = self._meter.last()
            self._coordinator.progress.remote(key, epoch, percent, self._worker, spent)

    def note_costs(self, key: JobKey, costs: Mapping[str, float]) -> None:
        """Send the goals that are known before the training begins."""
        call_actor(self._coordinator.note_costs, self._worker, key, dict(costs))

    def report(self, key: JobKey, epoch: int, value: float, images_per_second: float) -> bool:
        """Send the `val/iou` of an epoch; return whether to continue (False: pruned).

        Raises:
            LeaseLostError: The job was assigned to another worker.
        """
        directive = call_actor(
            self._coordinator.report, self._worker, key, epoch, value, images_per_second
        )
        logger.debug("epoch %d: val/iou %.4f, %s", epoch, value, directive)
        if directive == "lease lost":
            raise LeaseLostError(f"{key.label} was assigned to another worker than {self._worker}")
        return bool(directive == "continue")


def worker_environment(experiment_gpus: float) -> dict[str, str]:
    """Return the environment variables of a worker process.

    Args:
        experiment_gpus: GPUs per worker. Ray does not hide the GPUs from an actor that requests
            none; this does. Ray counts GPUs as the driver does, in the order of the PCI bus; this
            makes CUDA do so too.
    """
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": preferred(),
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the sender retries, and reports it
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    if experiment_gpus <= 0:
        variables[VISIBLE] = "-1"
    else:
        variables[ORDER] = PCI_ORDER
    return variables | log_environment()
