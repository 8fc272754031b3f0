"""The workers of a study on Ray: started, watched, and replaced when they die."""

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from faceseg.errors import UserError
from pipelines.context import Context
from pipelines.search.answers import ask
from pipelines.search.coordinator import Snapshot
from pipelines.search.news import Death, Room
from pipelines.search.worker import Leave, Worker, environment

TICK = 0.5  # seconds between two looks
# Workers in a row that may die before they take a job: that raised an error, or were killed.
STILL_BORN = {True: 3, False: 10}


@dataclass
class Member:
    """One worker. `present` once its process runs."""

    name: str
    actor: Any
    present: Any
    since: float = field(default_factory=time.monotonic)


class Crew:
    """The workers at work, by the reference to the `work` call of each.

    session: names this driver's workers among those of all drivers the study ever had.
    """

    def __init__(self, context: Context, coordinator: Any, size: int, session: str) -> None:
        self.context = context
        self.coordinator = coordinator
        self.size = size
        self.session = session
        self._made = 0
        self._over = False
        self._epochs = 0
        self._still_born: list[bool] = []
        self._working: dict[Any, Member] = {}
        self._room = Room(size)
        # Where JAX keeps compiled programs: what one worker compiled, the others read. Small ones
        # too: the first weights of a network take 130 of them, 10 s on a processor, 0.2 s read.
        kept = (context.experiment.storage / "compiled").resolve()
        self._compiled = {
            "JAX_COMPILATION_CACHE_DIR": str(kept),
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }

    @property
    def busy(self) -> bool:
        """Whether any worker is left."""
        return bool(self._working)

    def fill(self) -> None:
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
                    runtime_env={"env_vars": environment(resources.gpus) | self._compiled},
                )
                .remote(name, self.context)
            )
            member = Member(name, actor, actor.__ray_ready__.remote())
            self._working[actor.work.remote(self.coordinator)] = member

    def step(self) -> list[str]:
        """Wait a moment; deal with workers that have left; return what happened, in words."""
        ready, _ = ray.wait(list(self._working), timeout=TICK)
        news = [line for reference in ready for line in self._left(reference)]
        absent = [member for member in self._working.values() if not _is_here(member)]
        if self._over:  # no node came for them, and there is no work left
            self._dismiss(absent)
            return news
        self.fill()
        return news + self._room.news([member.since for member in absent])

    def close(self) -> None:
        """End all workers and the coordinator."""
        self._dismiss(list(self._working.values()))
        ray.kill(self.coordinator)

    def hear(self, snapshot: Snapshot) -> None:
        """Note that epochs are done: workers do start, whatever happened to some."""
        if snapshot.epochs_done > self._epochs:
            self._epochs = snapshot.epochs_done
            self._still_born.clear()

    def _left(self, reference: Any) -> list[str]:
        """Deal with one worker that has left, or died."""
        member = self._working.pop(reference)
        try:
            leave: Leave = ray.get(reference)
        except RayError as error:
            return self._died(member, error)
        ray.kill(member.actor)
        if leave.why == "stop":
            raise UserError(leave.message)
        if leave.why == "done":
            self._over = True
            return []
        # One that left its job to whoever is at it has the lease still.
        ask(self.coordinator.lose, member.name)
        return [leave.message] if leave.message else []

    def _died(self, member: Member, error: RayError) -> list[str]:
        if isinstance(error, RayTaskError) and isinstance(error.cause, RayError):
            raise error  # the coordinator's error, or Ray's: no worker is to blame
        death = Death.of(error)
        lost = ask(
            self.coordinator.lose,
            member.name,
            is_fault=death.is_fault,
            out_of_memory=death.out_of_memory,
        )
        ray.kill(member.actor)  # an actor that cannot be reached may come back: it must not
        if lost:
            self._still_born.clear()
        elif death.is_fault:
            self._still_born.append(death.raised)
        for raised, limit in STILL_BORN.items():
            if self._still_born.count(raised) >= limit:
                raise RuntimeError(f"{limit} workers in a row could not start: {error}")
        name = member.name.rpartition("/")[2]
        return [f"{name} died ({death.words}); {lost or 'no job'} goes on anew"]

    def _dismiss(self, members: list[Member]) -> None:
        for member in members:
            ray.kill(member.actor)
        self._working = {
            reference: member
            for reference, member in self._working.items()
            if member not in members
        }


def _is_here(member: Member) -> bool:
    """Return whether a worker's process runs, or has run."""
    return bool(ray.wait([member.present], timeout=0)[0])
