"""The driver's side of a study: a coordinator and workers on Ray, and what they do in words.

Search and finals run in the same warm workers. A worker that dies gives its job back and is
replaced; what it had finished is in the database and in its last checkpoint.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from faceseg.errors import UserError
from pipelines.cluster.connection import (
    call_actor,
    check_tracking_reachable,
    connect_ray,
    worker_count,
)
from pipelines.config.secrets import redact
from pipelines.config.sections import ENSEMBLE
from pipelines.job import context
from pipelines.job.context import StudyContext
from pipelines.search import ensemble, failure_policy
from pipelines.search.coordinator import Coordinator, StudySnapshot
from pipelines.search.worker import worker_environment
from pipelines.search.worker_pool import WorkerPool
from pipelines.tracking import Sender

SNAPSHOT_TIMEOUT = 10.0  # seconds that the coordinator has to describe the study
ShowSnapshot = Callable[
    [StudySnapshot, list[str]], None
]  # the study at a glance, and what just happened


def run_jobs(context: StudyContext, show: ShowSnapshot, sender: Sender) -> dict[str, str]:
    """Run search and finals to their end; return each architecture's winner digest.

    sender: the driver's own; what it cannot send is told.
    """
    experiment = context.experiment
    ours = connect_ray(experiment.resources)
    crew = None
    try:
        check_tracking_reachable(experiment.tracking_uri)
        workers, session = worker_count(experiment.resources), uuid.uuid4().hex[:8]
        crew = WorkerPool(context, _start_coordinator(context, session), workers, session)
        crew.start_workers()
        _watch_workers(crew, show, OutageNotice(context, sender))
        winners = _winners(crew.coordinator)
        if experiment.ensemble:
            show(
                call_actor(crew.coordinator.snapshot),
                ["all finals are done; testing their ensemble"],
            )
            winners[ENSEMBLE] = ensemble.run_ensembles(context, winners)
        return winners
    finally:
        if ours:
            ray.shutdown()
        elif crew is not None:
            crew.close()


def _start_coordinator(context: StudyContext, session: str) -> Any:
    """Start the coordinator on the driver's own node; Ray starts it again if it dies."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return (
        ray.remote(Coordinator)
        .options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=here,
            runtime_env={"env_vars": worker_environment(0)},
        )
        .remote(context.experiment, session)
    )


# --- What the driver tells while jobs run: each thing once, when it begins and when it is over.

OUTAGE_POLL_INTERVAL = 2.0  # seconds between two looks at what waits for MLflow


@dataclass
class OutageNotice:
    """Tells, once each, that MLflow has gone away and that it is back."""

    context: StudyContext
    sender: Sender
    _told: bool = False
    _next: float = 0.0

    def messages(self) -> list[str]:
        """Return what is to be said now."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + OUTAGE_POLL_INTERVAL
        waiting = self.sender.status()
        if self._told == (waiting.since is not None):
            return []
        self._told = not self._told
        uri = redact(self.context.tracker.uri)
        if not self._told:
            return [f"MLflow at {uri} answers again; what waited is being sent"]
        return [
            f"MLflow at {uri} does not answer since {waiting.clock} ({waiting.error}); training "
            f"goes on, {waiting.records} records wait in {self.context.outboxes}"
        ]


@dataclass
class OnceFilter:
    """Lets each line through once."""

    _told: set[str] = field(default_factory=set)

    def new_lines(self, lines: list[str]) -> list[str]:
        """Return the lines that are new."""
        fresh = [line for line in lines if line not in self._told]
        self._told.update(fresh)
        return fresh


def _watch_workers(crew: WorkerPool, show: ShowSnapshot, outage: OutageNotice) -> None:
    """Show the study until all is done."""
    told, news, snapshot = OnceFilter(), [], None
    while crew.has_workers:
        news += [*crew.poll(), *outage.messages()]
        try:
            snapshot = call_actor(crew.coordinator.snapshot, timeout=SNAPSHOT_TIMEOUT)
        except GetTimeoutError:
            news += told.news(["the coordinator does not answer: it waits for Optuna's database"])
        else:
            crew.note_progress(snapshot)
            news += [*_fail_jobs(crew, snapshot), *told.news(snapshot.notes)]
        if snapshot is not None:
            show(snapshot, news)
            news = []


def _fail_jobs(crew: WorkerPool, snapshot: StudySnapshot) -> list[str]:
    """End the jobs that no worker can do: first in MLflow, so that a driver which dies here
    leaves them to the next.
    """
    for job, reason in snapshot.jobs_to_fail:
        try:
            outbox = context.job_outbox(crew.context, job)
            outbox.tags(state="failed", reason=reason)
            outbox.end("FAILED")
        except OSError as error:
            words = failure_policy.disk_error_message(error, crew.context.experiment.storage)
            raise UserError(words or str(error)) from error
        call_actor(crew.coordinator.fail_job, job.key, reason)
        context.job_checkpoints(crew.context, job).remove()
    return [f"{job.key.label} is given up: {reason}" for job, reason in snapshot.jobs_to_fail]


def _winners(coordinator: Any) -> dict[str, str]:
    """Return each architecture's winner; UserError if one has none, with the reasons."""
    winners: dict[str, str] = call_actor(coordinator.winners)
    reasons: dict[str, list[str]] = call_actor(coordinator.failure_reasons)
    finals: dict[str, int] = call_actor(coordinator.snapshot).finals
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
