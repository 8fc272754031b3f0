"""The workers of a study on Ray: started, watched, and replaced when they die."""

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from faceseg.errors import UserError
from pipelines.cluster.connection import call_actor
from pipelines.job.context import StudyContext
from pipelines.search.coordinator import StudySnapshot
from pipelines.search.failure_policy import MAX_STARTUP_FAILURES, WorkerDeath
from pipelines.search.worker import Worker, WorkerExit, worker_environment

POLL_INTERVAL = 0.5  # seconds between two looks


@dataclass
class WorkerHandle:
    """One worker. `present` once its process runs."""

    name: str
    actor: Any
    started: Any
    since: float = field(default_factory=time.monotonic)


class WorkerPool:
    """The workers at work, by the reference to the `work` call of each.

    session: names this driver's workers among those of all drivers the study ever had.
    """

    def __init__(self, context: StudyContext, coordinator: Any, size: int, session: str) -> None:
        self.context = context
        self.coordinator = coordinator
        self.size = size
        self.session = session
        self._made = 0
        self._over = False
        self._epochs = 0
        self._still_born: list[bool] = []
        self._working: dict[Any, WorkerHandle] = {}
        self._room = CapacityNotice(size)
        # Where JAX keeps compiled programs: what one worker compiled, the others read. Small ones
        # too: the first weights of a network take 130 of them, 10 s on a processor, 0.2 s read.
        kept = (context.experiment.storage / "compiled").resolve()
        self._compiled = {
            "JAX_COMPILATION_CACHE_DIR": str(kept),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }

    @property
    def has_workers(self) -> bool:
        """Whether any worker is left."""
        return bool(self._working)

    def start_workers(self) -> None:
        """Start workers until there are as many as there should be, unless all is done."""
        resources = self.context.experiment.resources
        while len(self._working) < self.size and not self._over:
            self._made += 1
            name = f"{self.session}/worker-{self._made}"
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
            member = WorkerHandle(name, actor, actor.__ray_ready__.remote())
            self._working[actor.work.remote(self.coordinator)] = member

    def poll(self) -> list[str]:
        """Wait a moment; deal with workers that have left; return what happened, in words."""
        ready, _ = ray.wait(list(self._working), timeout=POLL_INTERVAL)
        news = [line for reference in ready for line in self._handle_exit(reference)]
        absent = [member for member in self._working.values() if not _has_started(member)]
        if self._over:  # no node came for them, and there is no work left
            self._dismiss(absent)
            return news
        self.start_workers()
        return news + self._room.messages([member.since for member in absent])

    def close(self) -> None:
        """End all workers and the coordinator."""
        self._dismiss(list(self._working.values()))
        ray.kill(self.coordinator)

    def note_progress(self, snapshot: StudySnapshot) -> None:
        """Note that epochs are done: workers do start, whatever happened to some."""
        if snapshot.epochs_done > self._epochs:
            self._epochs = snapshot.epochs_done
            self._still_born.clear()

    def _handle_exit(self, reference: Any) -> list[str]:
        """Deal with one worker that has left, or died."""
        member = self._working.pop(reference)
        try:
            leave: WorkerExit = ray.get(reference)
        except RayError as error:
            return self._handle_death(member, error)
        ray.kill(member.actor)
        if leave.reason == "stop":
            raise UserError(leave.message)
        if leave.reason == "done":
            self._over = True
            return []
        # One that left its job to whoever is at it has the lease still.
        call_actor(self.coordinator.release, member.name)
        return [leave.message] if leave.message else []

    def _handle_death(self, member: WorkerHandle, error: RayError) -> list[str]:
        if isinstance(error, RayTaskError) and isinstance(error.cause, RayError):
            raise error  # the coordinator's error, or Ray's: no worker is to blame
        death = WorkerDeath.from_error(error)
        lost = call_actor(
            self.coordinator.release,
            member.name,
            is_fault=death.is_fault,
            out_of_memory=death.out_of_memory,
        )
        ray.kill(member.actor)  # an actor that cannot be reached may come back: it must not
        if lost:
            self._still_born.clear()
        elif death.is_fault:
            self._still_born.append(death.raised)
        for raised, limit in MAX_STARTUP_FAILURES.items():
            if self._still_born.count(raised) >= limit:
                raise RuntimeError(f"{limit} workers in a row could not start: {error}")
        name = member.name.rpartition("/")[2]
        return [f"{name} died ({death.description}); {lost or 'no job'} goes on anew"]

    def _dismiss(self, members: list[WorkerHandle]) -> None:
        for member in members:
            ray.kill(member.actor)
        self._working = {
            reference: member
            for reference, member in self._working.items()
            if member not in members
        }


def _has_started(member: WorkerHandle) -> bool:
    """Return whether a worker's process runs, or has run."""
    return bool(ray.wait([member.started], timeout=0)[0])


@dataclass
class CapacityNotice:
    """Tells how many workers have no place on any node, and when they all have one."""

    size: int
    _told: int = 0

    def messages(self, waiting: list[float]) -> list[str]:
        """Return what is to be said now. waiting: since when each worker without a place is."""
        late = sum(time.monotonic() - since > CAPACITY_WAIT for since in waiting)
        if late == self._told or (waiting and late < self._told):
            return []
        self._told = late
        if not late:
            return ["all workers have room again"]
        return [
            f"{late} of {self.size} workers wait for room: Ray has no node free for them now. "
            "They start when one comes"
        ]


CAPACITY_WAIT = 30.0  # seconds that a worker may wait for a place on a node before it is told
