"""The workers of a study on Ray: start them, watch them, and replace those that die."""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from faceseg.errors import UserError
from pipelines.cluster.connection import call_actor
from pipelines.job.context import StudyContext
from pipelines.job.log import NO_RUN
from pipelines.search.failure_policy import POLICY, Decision
from pipelines.search.snapshot import StudySnapshot
from pipelines.search.worker import Worker, WorkerExit, worker_environment
from pipelines.search.worker_death import WorkerDeath

POLL_INTERVAL = 0.5  # seconds between two polls
CAPACITY_WAIT = 30.0  # seconds that a worker may wait for a node before it is reported
logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class WorkerHandle:
    """One worker: its name, its actor, a reference that is ready once its process has started."""

    name: str
    actor: Any
    started: Any
    since: float = field(default_factory=time.monotonic)

    @property
    def short_name(self) -> str:
        """The name without the session."""
        return self.name.rpartition("/")[2]

    def has_started(self) -> bool:
        """Return whether the worker's process runs, or has run."""
        return bool(ray.wait([self.started], timeout=0)[0])


class WorkerPool:
    """The running workers of one driver.

    Args:
        context: The study.
        coordinator: The coordinator's actor.
        size: How many workers to keep running.
        session: Distinguishes this driver's workers from those of the study's other drivers.
    """

    def __init__(self, context: StudyContext, coordinator: Any, size: int, session: str) -> None:
        self.context = context
        self.coordinator = coordinator
        self.size = size
        self.session = session
        self._created = 0
        self._finished = False
        self._epochs = 0
        # Of the workers in a row that ended before they took a job: did they raise an error?
        self._startup_failures: list[bool] = []
        self._workers: dict[Any, WorkerHandle] = {}  # by the reference to their call of `work`
        self._capacity = CapacityNotice(size)
        # JAX's folder of compiled programs, shared by all workers. Small programs too: the initial
        # weights of a network take 130 of them, 10 s on a processor, 0.2 s read. A worker on
        # TensorFlow adds what XLA chose (`share_autotuning`).
        cache = (context.experiment.storage / "compiled").resolve()
        self._compiled = {
            "JAX_COMPILATION_CACHE_DIR": str(cache),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }

    @property
    def has_workers(self) -> bool:
        """Whether any worker is left."""
        return bool(self._workers)

    def start_workers(self) -> None:
        """Start workers until the pool is full, unless no job is left."""
        resources = self.context.experiment.resources
        while len(self._workers) < self.size and not self._finished:
            self._created += 1
            name = f"{self.session}/worker-{self._created}"
            actor = (
                ray.remote(Worker)
                .options(
                    num_cpus=resources.cpus,
                    num_gpus=resources.gpus,
                    max_restarts=0,
                    runtime_env={"env_vars": worker_environment(resources.gpus) | self._compiled},
                )
                .remote(name, self.context)
            )
            worker = WorkerHandle(name=name, actor=actor, started=actor.__ray_ready__.remote())
            self._workers[actor.work.remote(self.coordinator)] = worker
            logger.info("starting %s", name)

    def poll(self) -> list[str]:
        """Wait for `POLL_INTERVAL`, replace workers that have ended, and return new messages.

        Raises:
            UserError: A worker raised a UserError, its disk is full, or its node has no memory.
            RuntimeError: Workers cannot start.
        """
        ready, _ = ray.wait(list(self._workers), timeout=POLL_INTERVAL)
        messages = [line for reference in ready for line in self._handle_exit(reference)]
        waiting = [worker for worker in self._workers.values() if not worker.has_started()]
        if self._finished:  # no node had room for them, and no job is left
            self._kill(waiting)
            return messages
        self.start_workers()
        late = self._capacity.messages([worker.since for worker in waiting])
        for line in late:
            logger.warning("%s", line)
        return messages + late

    def close(self) -> None:
        """Kill all workers and the coordinator."""
        self._kill(list(self._workers.values()))
        ray.kill(self.coordinator)

    def note_progress(self, snapshot: StudySnapshot) -> None:
        """Reset the count of startup failures if an epoch was finished: workers do start."""
        if snapshot.epochs_done > self._epochs:
            self._epochs = snapshot.epochs_done
            self._startup_failures.clear()

    def _handle_exit(self, reference: Any) -> list[str]:
        """Handle one worker that has ended, or died."""
        worker = self._workers.pop(reference)
        try:
            result: WorkerExit = ray.get(reference)
        except RayError as error:
            return self._handle_death(worker, error)
        ray.kill(worker.actor)
        logger.info("%s ended: %s %s", worker.name, result.reason, result.message)
        if result.reason == "stop":
            raise UserError(result.message)
        if result.reason == "done":
            self._finished = True
            return []
        # A worker that ended without finishing its job still holds the lease.
        death = WorkerDeath(description=result.message)
        follows = call_actor(self.coordinator.release, worker.name, death)
        if follows:
            return [f"{result.message}; {follows}"]
        return [result.message] if result.message else []

    def _handle_death(self, worker: WorkerHandle, error: RayError) -> list[str]:
        death = WorkerDeath.from_error(error, worker.actor._actor_id.hex())
        ruling = POLICY.worker_death(death)
        if ruling.decision is Decision.STOP:
            logger.error("%s failed with an error of Ray's: %s", worker.name, ruling.reason)
            raise error
        follows = call_actor(self.coordinator.release, worker.name, death)
        ray.kill(worker.actor)  # an actor that cannot be reached may come back: it must not
        message = f"{worker.short_name} died ({ruling.reason}); {follows or 'it held no job'}"
        logger.warning("%s", message, extra={"run": follows.partition(" ")[0] or NO_RUN})
        if follows:
            self._startup_failures.clear()
        elif death.is_fault:
            self._startup_failures.append(death.raised)
        ruling = POLICY.startup(self._startup_failures)
        if ruling.decision is Decision.STOP and death.memory:
            raise UserError(
                f"{ruling.reason}: {death.description}. Finished work is kept: free memory on the "
                "node, or lower resources.workers, then re-run the same command to resume"
            )
        if ruling.decision is Decision.STOP:
            raise RuntimeError(f"{ruling.reason}: {error}")
        return [message]

    def _kill(self, workers: list[WorkerHandle]) -> None:
        for worker in workers:
            ray.kill(worker.actor)
        self._workers = {
            reference: worker
            for reference, worker in self._workers.items()
            if worker not in workers
        }


@dataclass
class CapacityNotice:
    """Report how many workers no node has room for, and when all have found room."""

    size: int
    _reported: int = 0

    def messages(self, waiting: list[float]) -> list[str]:
        """Return the new messages.

        Args:
            waiting: For each worker that has not started, when it was created (monotonic seconds).
        """
        late = sum(time.monotonic() - since > CAPACITY_WAIT for since in waiting)
        if late == self._reported or (waiting and late < self._reported):
            return []
        self._reported = late
        if not late:
            return ["all workers have room again"]
        return [
            f"{late} of {self.size} workers wait for room: no node of Ray's is free for them. "
            "They start when one is"
        ]
