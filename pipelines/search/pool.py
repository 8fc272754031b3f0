"""The driver's side of a study: a coordinator and workers on Ray, and what they do in words.

Search and finals run in the same warm workers. A worker that dies gives its job back and is
replaced; what it had finished is in the database and in its last checkpoint.
"""

import uuid
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import GetTimeoutError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from faceseg.errors import UserError
from pipelines import ensemble, runs
from pipelines.config.claims import ENSEMBLE
from pipelines.context import Context
from pipelines.search import disk
from pipelines.search.answers import ask
from pipelines.search.connection import check_reach, connect, size
from pipelines.search.coordinator import Coordinator, Snapshot
from pipelines.search.crew import Crew
from pipelines.search.news import Once, Outage
from pipelines.search.worker import environment
from pipelines.tracking import Sender

ANSWER = 10.0  # seconds that the coordinator has to describe the study
Show = Callable[[Snapshot, list[str]], None]  # the study at a glance, and what just happened


def run(context: Context, show: Show, sender: Sender) -> dict[str, str]:
    """Run search and finals to their end; return each architecture's winner digest.

    sender: the driver's own; what it cannot send is told.
    """
    experiment = context.experiment
    ours = connect(experiment.resources)
    crew = None
    try:
        check_reach(experiment.tracking_uri)
        workers, session = size(experiment.resources), uuid.uuid4().hex[:8]
        crew = Crew(context, _coordinator(context, session), workers, session)
        crew.fill()
        _watch(crew, show, Outage(context, sender))
        winners = _winners(crew.coordinator)
        if experiment.ensemble:
            show(ask(crew.coordinator.snapshot), ["all finals are done; testing their ensemble"])
            winners[ENSEMBLE] = ensemble.run(context, winners)
        return winners
    finally:
        if ours:
            ray.shutdown()
        elif crew is not None:
            crew.close()


def _coordinator(context: Context, session: str) -> Any:
    """Start the coordinator on the driver's own node; Ray starts it again if it dies."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return (
        ray.remote(Coordinator)
        .options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=here,
            runtime_env={"env_vars": environment(0)},
        )
        .remote(context.experiment, session)
    )


def _watch(crew: Crew, show: Show, outage: Outage) -> None:
    """Show the study until all is done."""
    told, news, snapshot = Once(), [], None
    while crew.busy:
        news += [*crew.step(), *outage.news()]
        try:
            snapshot = ask(crew.coordinator.snapshot, timeout=ANSWER)
        except GetTimeoutError:
            news += told.news(["the coordinator does not answer: it waits for Optuna's database"])
        else:
            crew.hear(snapshot)
            news += [*_give_up(crew, snapshot), *told.news(snapshot.notes)]
        if snapshot is not None:
            show(snapshot, news)
            news = []


def _give_up(crew: Crew, snapshot: Snapshot) -> list[str]:
    """End the jobs that no worker can do: first in MLflow, so that a driver which dies here
    leaves them to the next.
    """
    for job, reason in snapshot.doomed:
        try:
            outbox = runs.outbox(crew.context, job)
            outbox.tags(state="failed", reason=reason)
            outbox.end("FAILED")
        except OSError as error:
            words = disk.trouble(error, crew.context.experiment.storage)
            raise UserError(words or str(error)) from error
        ask(crew.coordinator.give_up, job.key, reason)
        runs.checkpoints(crew.context, job).remove()
    return [f"{job.key.label} is given up: {reason}" for job, reason in snapshot.doomed]


def _winners(coordinator: Any) -> dict[str, str]:
    """Return each architecture's winner; UserError if one has none, with the reasons."""
    winners: dict[str, str] = ask(coordinator.winners)
    reasons: dict[str, list[str]] = ask(coordinator.reasons)
    finals: dict[str, int] = ask(coordinator.snapshot).finals
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
