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
from faceseg.stopwatch import Stopwatch
from pipelines import phases, runs
from pipelines.context import Context
from pipelines.prepare import prepare
from pipelines.search import disk
from pipelines.search.answers import PAUSE, ask
from pipelines.search.coordinator import WAIT
from pipelines.search.job import Job, Key, seed_of
from pipelines.search.lane import End, out_of_memory_at
from pipelines.search.locks import HeldElsewhereError, only_worker
from pipelines.tracking import Sender

PARTING = 5.0  # seconds that a worker which leaves gives its records to arrive


@dataclass(frozen=True)
class Leave:
    """Why a worker stopped: `done`, `retired`, `suspect` (after a failure) or `stop`."""

    why: str
    message: str = ""


class LeaseLostError(Exception):
    """The job was given to another worker: this one was held for dead."""


class Worker:
    """The actor's class. Made with its own share of CPUs and GPUs by the pool."""

    def __init__(self, name: str, context: Context) -> None:
        self.name = name
        self.context = context
        self.bench: Any = None
        self.clock = Stopwatch()
        self.clock.add({phases.START: max(0.0, time.time() - psutil.Process().create_time())})

    def work(self, coordinator: Any) -> Leave:
        """Do jobs until there are none, or until it is time for a fresh process.

        Raises what is nobody's fault that is known: the pool decides.
        """
        with Sender(self.context.outboxes, self.context.tracker) as sender:
            try:
                leave = self._work(coordinator)
            except UserError as error:
                leave = Leave("stop", str(error))
            except Exception as error:
                words = disk.trouble(error, self.context.experiment.storage)
                if words is None:
                    raise
                leave = Leave("stop", words)
            self._say_the_rest()
            sender.drain(PARTING)
        return leave

    def _say_the_rest(self) -> None:
        """Say on the study's run where the time after the last job went: a point a worker."""
        outbox = runs.outbox_of_study(self.context, self.name)
        step = seed_of(0, self.name)  # any number that no other worker has
        with suppress(OSError):  # a full disk is told by what cannot do without it
            outbox.metrics(phases.named(self.clock.lap()), step)

    def make_bench(self) -> Any:
        """Claim this process's share of the machine and return where jobs are done."""
        # Imported here: the driver sends this class without loading a framework itself.
        from faceseg.devices import claim

        experiment = self.context.experiment
        threads = max(1, int(experiment.resources.cpus))
        claim(threads, experiment.resources.gpus)
        from pipelines.trial import Bench

        if not self.context.packs.exists():  # another node's disk: pack once here
            prepare(experiment, Console(quiet=True))
        return Bench(self.context, threads, self.clock)

    def _work(self, coordinator: Any) -> Leave:
        with self.clock.phase(phases.IMPORTS):
            self.bench = self.make_bench()
        done = 0
        while done < self.context.experiment.resources.trials_per_worker:
            with self.clock.phase(phases.WAITING):
                job = ask(coordinator.next, self.name, self.bench.warm())
                if job == WAIT:
                    time.sleep(PAUSE)
                    continue
            if job is None:
                return Leave("done")
            try:
                with only_worker(self._lock(job)):
                    leave = self._do(job, coordinator)
            except (HeldElsewhereError, LeaseLostError) as error:
                return Leave("suspect", str(error))
            if leave is not None:
                return leave
            done += 1
        return Leave("retired")

    def _do(self, job: Job, coordinator: Any) -> Leave | None:
        """Do one job to its end; return why to leave after it, or None."""
        leave = None
        try:
            result = self.bench.do(job, RayLine(coordinator, self.name))
            end = End(result.value, result.pruned, result.reason)
        except Exception as error:
            if not self._is_the_jobs_own(error):
                raise
            end = self._fail(job, error)  # told, and the study goes on
            leave = Leave("suspect", f"{job.key.label}: {end.reason}")
        with self.clock.phase(phases.LOGGING):
            ended = ask(coordinator.finish, self.name, job.key, end)
        if not ended:
            raise LeaseLostError(f"{job.key.label} was ended by {self.name} after another had it")
        self.bench.forget(job)
        return leave

    def _is_the_jobs_own(self, error: Exception) -> bool:
        """Return whether an error is the job's: not the user's mistake, Ray's or the disk's."""
        if isinstance(error, UserError | RayError | LeaseLostError):
            return False
        return disk.trouble(error, self.context.experiment.storage) is None

    def _fail(self, job: Job, error: Exception) -> End:
        from faceseg.devices import is_out_of_memory

        out_of_memory = is_out_of_memory(error)
        reason = f"{type(error).__name__}: {error}"[:500]
        if out_of_memory:
            reason = out_of_memory_at(job.settings.batch_size)
        self.bench.fail(job, reason, traceback.format_exc())
        return End(None, reason=reason, out_of_memory=out_of_memory)

    def _lock(self, job: Job) -> Any:
        return self.context.checkpoints / job.study / f"{job.key.folder}.lock"


class RayLine:
    """A job's line to the coordinator."""

    def __init__(self, coordinator: Any, worker: str) -> None:
        self._coordinator = coordinator
        self._worker = worker
        self._last = 0.0

    def progress(self, key: Key, epoch: int, percent: int, loss: float) -> None:
        """Send a note at most once a second, and do not wait for it."""
        if time.monotonic() - self._last > PAUSE:
            self._last = time.monotonic()
            self._coordinator.progress.remote(key, epoch, percent)

    def report(self, key: Key, epoch: int, value: float, images_per_second: float) -> bool:
        """Send an epoch's value and wait for the verdict; return whether to go on.

        Raises LeaseLostError if the job is another's by now.
        """
        verdict = ask(self._coordinator.report, self._worker, key, epoch, value, images_per_second)
        if verdict == "leave":
            raise LeaseLostError(f"{key.label} was given to another worker than {self._worker}")
        return bool(verdict == "go on")


def environment(experiment_gpus: float) -> dict[str, str]:
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
