"""The driver's side of a study: start a coordinator and workers on Ray, and report what they do.

Search and finals run in the same workers, which keep compiled networks. The job of a worker that
dies is assigned again and the worker is replaced; finished epochs are in the database and in the
job's last checkpoint.
"""

import logging
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
    check_ray,
    check_tracking_reachable,
    connect_ray,
    worker_count,
)
from pipelines.config.secrets import redact
from pipelines.job.context import StudyContext, job_checkpoints, job_outbox
from pipelines.job.cost_log import log_job_cost, log_study_cost
from pipelines.job.log import log_run
from pipelines.job.spent import Spent, describe, total
from pipelines.search.coordinator import STATUS_GROUP, Coordinator
from pipelines.search.derived_models import derived_models, run_derived_models
from pipelines.search.failure_policy import POLICY
from pipelines.search.gpu_measurement import measure_on_gpu
from pipelines.search.lost_results import recover
from pipelines.search.quiet_latency import measure_again
from pipelines.search.snapshot import StudySnapshot
from pipelines.search.worker import worker_environment
from pipelines.search.worker_pool import WorkerPool
from pipelines.tracking import Sender

SNAPSHOT_TIMEOUT = 10.0  # seconds that the coordinator has to return the state of the study
STATUS_TIMEOUT = 2.0  # seconds that it has to return why it is busy
ShowSnapshot = Callable[[StudySnapshot, list[str]], None]  # takes the state and new messages
logger = logging.getLogger(__name__)


def run_jobs(context: StudyContext, show: ShowSnapshot, sender: Sender) -> dict[str, str]:
    """Run a study's search and finals to their end.

    Args:
        context: The study.
        show: Called with each snapshot of the study and the messages since the last one.
        sender: The driver's own; its status shows whether MLflow responds.

    Returns:
        The digest of each network's winner, and of the members of each derived model.

    Raises:
        UserError: Ray or a store cannot be used, a worker raised a UserError, or an architecture
            has no complete trial or final.
        RuntimeError: Workers cannot start.
    """
    experiment = context.experiment
    own_ray = connect_ray(experiment.resources)
    pool = None
    try:
        check_tracking_reachable(experiment.tracking_uri)
        workers, session = worker_count(experiment.resources), uuid.uuid4().hex[:8]
        logger.info("starting %d workers in session %s", workers, session)
        pool = WorkerPool(context, _start_coordinator(context, session), workers, session)
        messages = _logged(recover(context, pool.coordinator))
        pool.start_workers()
        _watch_workers(pool, show, OutageNotice(context=context, sender=sender), messages)
        winners = _require_winners(pool.coordinator)
        _show_cost(context, pool.coordinator, show)
        if models := derived_models(experiment, winners):
            names = ", ".join(model.name for model in models)
            message = f"all finals are done; testing {names}"
            show(call_actor(pool.coordinator.snapshot), [message])
            finals = call_actor(pool.coordinator.complete_finals)
            winners |= run_derived_models(context, models, finals)
        done = measure_again(context, winners, sender) + measure_on_gpu(context, winners, sender)
        if done:
            show(call_actor(pool.coordinator.snapshot), done)
        return winners
    finally:
        if own_ray:
            ray.shutdown()
        elif pool is not None:
            pool.close()


def _show_cost(context: StudyContext, coordinator: Any, show: ShowSnapshot) -> None:
    """Log and show what the study has spent, and which searches ended before their last trial."""
    spent: dict[str, Spent] = call_actor(coordinator.spent)
    log_study_cost(context, spent)
    words = describe(total(spent.values()), context.experiment.resources.prices)
    snapshot = call_actor(coordinator.snapshot)
    show(snapshot, _logged([f"spent: {words}", *snapshot.messages]))


def _start_coordinator(context: StudyContext, session: str) -> Any:
    """Start the coordinator on the driver's own node; Ray restarts it if it dies."""
    own_node = ray.get_runtime_context().get_node_id()
    return (
        ray.remote(concurrency_groups={STATUS_GROUP: 1})(Coordinator)
        .options(
            num_cpus=0,
            max_restarts=-1,
            max_task_retries=-1,
            scheduling_strategy=NodeAffinitySchedulingStrategy(own_node, soft=False),
            runtime_env={"env_vars": worker_environment(0)},
        )
        .remote(context.experiment, session, context.split_counts, context.judged_teacher)
    )


# --- Messages while jobs run. Each is shown once, when its condition begins or ends.

OUTAGE_POLL_INTERVAL = 2.0  # seconds between two checks of the records that wait for MLflow


@dataclass(kw_only=True)
class OutageNotice:
    """Report, once each, that MLflow stops accepting records and that it accepts them again."""

    context: StudyContext
    sender: Sender
    _reported: bool = False
    _next: float = 0.0

    def messages(self) -> list[str]:
        """Return the new messages."""
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + OUTAGE_POLL_INTERVAL
        status = self.sender.status()
        if self._reported == (status.since is not None):
            return []
        self._reported = not self._reported
        uri = redact(self.context.tracker.uri)
        if not self._reported:
            return [f"MLflow at {uri} accepts records again; the waiting ones are being sent"]
        return [
            f"MLflow at {uri} has accepted no record since {status.clock} ({status.error}); "
            f"training continues, {status.records} records wait in {self.context.outboxes}"
        ]


@dataclass
class OnceFilter:
    """Pass each line once."""

    _passed: set[str] = field(default_factory=set)

    def new_lines(self, lines: list[str]) -> list[str]:
        """Return the lines that were not passed before."""
        new = [line for line in lines if line not in self._passed]
        self._passed.update(new)
        return new


def _watch_workers(
    pool: WorkerPool, show: ShowSnapshot, outage: OutageNotice, messages: list[str]
) -> None:
    """Show the study until no worker is left, and first the `messages`."""
    once, snapshot = OnceFilter(), None
    while pool.has_workers:
        check_ray()
        messages += [*pool.poll(), *_logged(outage.messages())]
        try:
            snapshot = call_actor(pool.coordinator.snapshot, timeout=SNAPSHOT_TIMEOUT)
        except GetTimeoutError:
            messages += _logged(once.new_lines(_database_outage(pool.coordinator)))
        else:
            pool.note_progress(snapshot)
            messages += _fail_jobs(pool, snapshot)
            messages += _logged(once.new_lines(snapshot.messages))
        if snapshot is not None:
            show(snapshot, messages)
            messages = []


def _database_outage(coordinator: Any) -> list[str]:
    """Return a message if the coordinator waits for its database; it may only be starting."""
    method = coordinator.database_outage.options(concurrency_group=STATUS_GROUP)
    try:
        reason = call_actor(method, timeout=STATUS_TIMEOUT)
    except GetTimeoutError:
        return []
    return [f"the coordinator waits for Optuna's database: {reason}"] if reason else []


def _logged(lines: list[str]) -> list[str]:
    for line in lines:
        logger.warning("%s", line)
    return lines


def _fail_jobs(pool: WorkerPool, snapshot: StudySnapshot) -> list[str]:
    """End the jobs that are not assigned again; return a message for each.

    They are ended in MLflow first: a driver that dies here leaves them to the next driver.
    """
    for job, reason in snapshot.jobs_to_fail:
        with log_run(job.key.label):
            try:
                outbox = job_outbox(pool.context, job)
                log_job_cost(outbox, job, job.spent, pool.context.experiment)
                outbox.tags(state="failed", reason=reason)
                outbox.end("FAILED")
            except OSError as error:
                ruling = POLICY.unrecorded_failure(error, pool.context.experiment.storage)
                logger.error("%s: %s", ruling.decision.value, ruling.reason)
                raise UserError(ruling.reason) from error
            call_actor(pool.coordinator.fail_job, job.key, reason)
            if job.key.kind == "trial":  # a later session tries the final again
                job_checkpoints(pool.context, job).remove()
            logger.warning("recorded as failed: %s", reason)
    return [
        f"{job.key.label} is recorded as failed"
        f"{' and not retried' if job.key.kind == 'trial' else ''}: {reason}"
        for job, reason in snapshot.jobs_to_fail
    ]


def _require_winners(coordinator: Any) -> dict[str, str]:
    """Return the digest of each architecture's winner.

    Raises:
        UserError: An architecture has none, or no complete final; with the reasons.
    """
    winners: dict[str, str] = call_actor(coordinator.winners)
    reasons: dict[str, list[str]] = call_actor(coordinator.failure_reasons)
    finals: dict[str, int] = call_actor(coordinator.snapshot).finals
    if ruling := POLICY.finished_study(winners, finals, reasons):
        raise UserError(ruling.reason)
    return winners
