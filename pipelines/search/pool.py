"""The driver's side of a study: start Ray, a coordinator and workers, and watch them.

Search and finals run in the same warm workers. A worker that dies gives its job back and is
replaced; what it had finished is in the database and in its last checkpoint.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from faceseg.errors import UserError
from pipelines.config import Resources
from pipelines.config.secrets import redact
from pipelines.context import Context
from pipelines.search.coordinator import Coordinator, Snapshot
from pipelines.search.worker import Leave, Worker, environment
from pipelines.tracking import Sender

TICK = 0.5  # seconds between two looks
STILL_BORN = 3  # workers in a row that may die before they take a job
Show = Callable[[Snapshot, list[str]], None]  # the study at a glance, and what just happened


@dataclass
class Pool:
    """The workers at work: a reference to the running `work` call of each."""

    context: Context
    coordinator: Any
    size: int
    _made: int = 0
    _still_born: int = 0
    _working: dict[Any, tuple[str, Any]] = field(default_factory=dict)

    def fill(self) -> None:
        """Start workers until there are as many as there should be."""
        while len(self._working) < self.size:
            self._made += 1
            name = f"worker-{self._made}"
            resources = self.context.experiment.resources
            actor = (
                ray.remote(Worker)
                .options(
                    num_cpus=resources.cpus,
                    num_gpus=resources.gpus,
                    max_restarts=0,
                    runtime_env={"env_vars": environment(resources.gpus)},
                )
                .remote(name, self.context)
            )
            self._working[actor.work.remote(self.coordinator)] = (name, actor)

    def step(self) -> list[str]:
        """Wait a moment; deal with workers that have left; return what happened, in words."""
        ready, _ = ray.wait(list(self._working), timeout=TICK)
        news = []
        for reference in ready:
            name, actor = self._working.pop(reference)
            try:
                leave: Leave = ray.get(reference)
            except RayActorError as error:
                lost = ray.get(self.coordinator.lose.remote(name))
                self._count_still_born(lost, error)
                news.append(f"{name} died ({_first_line(error)}); {lost or 'no job'} goes on anew")
                ray.kill(actor)  # an actor that cannot be reached may come back: it must not
                self.fill()
                continue
            ray.kill(actor)
            self._still_born = 0
            if leave.why == "stop":
                raise UserError(leave.message)
            if leave.why == "done":
                self.size -= 1
                continue
            if leave.message:
                news.append(leave.message)
            self.fill()
        return news

    def _count_still_born(self, lost: str | None, error: Exception) -> None:
        """Give up when workers die one after the other before they take a job."""
        self._still_born = 0 if lost else self._still_born + 1
        if self._still_born >= STILL_BORN:
            raise RuntimeError(f"{STILL_BORN} workers in a row could not start: {error}")

    @property
    def busy(self) -> bool:
        """Whether any worker is left."""
        return bool(self._working)


@dataclass
class Outage:
    """Tells, once each, that MLflow has gone away and that it is back."""

    context: Context
    sender: Sender
    _told: bool = False

    def news(self) -> list[str]:
        """Return what is to be said now."""
        waiting = self.sender.waiting()
        if self._told == (waiting.since is not None):
            return []
        self._told = not self._told
        uri = redact(self.context.tracker.uri)
        if not self._told:
            return [f"MLflow at {uri} answers again; what waited is being sent"]
        return [
            f"MLflow at {uri} does not answer since {waiting.clock} ({waiting.error}); training "
            f"goes on, and what it says waits in {self.context.outboxes}"
        ]


def run(context: Context, show: Show, sender: Sender) -> dict[str, str]:
    """Run search and finals to their end; return each architecture's winner digest.

    sender: the driver's own; what it cannot send is told.
    """
    experiment = context.experiment
    ours = connect(experiment.resources)
    try:
        check_reach(experiment.tracking_uri)
        coordinator = (
            ray.remote(Coordinator)
            .options(
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(
                    ray.get_runtime_context().get_node_id(), soft=False
                ),
                runtime_env={"env_vars": environment(0)},
            )
            .remote(experiment)
        )
        pool = Pool(context, coordinator, size(experiment.resources))
        pool.fill()
        outage = Outage(context, sender)
        while pool.busy:
            news = [*pool.step(), *outage.news()]
            try:
                show(ray.get(coordinator.snapshot.remote(), timeout=10), news)
            except GetTimeoutError:
                time.sleep(TICK)
        return _winners(coordinator)
    finally:
        if ours:
            ray.shutdown()


def _winners(coordinator: Any) -> dict[str, str]:
    """Return each architecture's winner; UserError if one has none, with the reasons."""
    winners: dict[str, str] = ray.get(coordinator.winners.remote())
    reasons: dict[str, list[str]] = ray.get(coordinator.reasons.remote())
    finals: dict[str, int] = ray.get(coordinator.snapshot.remote()).finals
    for what, failed in (
        ("trial", [name for name, winner in winners.items() if not winner]),
        ("final", [name for name, complete in finals.items() if not complete]),
    ):
        why = "; ".join(f"{name}: {', '.join(reasons[name]) or 'all pruned'}" for name in failed)
        if failed:
            raise UserError(
                f"no {what} was completed by {why}. Each failed run holds failure.txt or a reason "
                "in MLflow; mend the cause, then give the study another seed or other settings"
            )
    return winners


def connect(resources: Resources) -> bool:
    """Join the cluster at `resources.address`, or start Ray on this machine alone.

    Returns whether the connection is ours to close: False if the process had one before.
    """
    if ray.is_initialized():
        return False
    local = resources.address is None
    ray.init(
        address=resources.address or "local",
        include_dashboard=False if local else None,
        log_to_driver=False,
        logging_level="ERROR",
    )
    return True


def check_reach(tracking_uri: str) -> None:
    """Refuse a database file for MLflow where workers on other nodes could not write to it."""
    nodes = sum(node["Alive"] for node in ray.nodes())
    if nodes > 1 and tracking_uri.startswith("sqlite"):
        raise UserError(
            f"Ray has {nodes} nodes, and MLflow is the file {tracking_uri}, which only one of them "
            "can write: start `mlflow server` where all can reach it and give its address with "
            "--set tracking.uri=http://HOST:5000"
        )


def size(resources: Resources) -> int:
    """Return how many workers to start; UserError if the cluster cannot hold them."""
    have = ray.cluster_resources()
    fits = int(have.get("CPU", 0) / resources.cpus + 1e-9)
    if resources.gpus:
        fits = min(fits, int(have.get("GPU", 0) / resources.gpus + 1e-9))
    wanted = resources.workers or fits
    if fits < max(1, wanted):
        raise UserError(
            f"{wanted or 1} workers of {resources.cpus:g} CPUs and {resources.gpus:g} GPUs were "
            f"asked for; Ray has {have.get('CPU', 0):g} CPUs and {have.get('GPU', 0):g} GPUs, "
            f"enough for {fits}. Set resources.workers, resources.cpus or resources.gpus lower"
        )
    return wanted


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
