"""Free the job of a worker that died or gave it up."""

import logging

from optuna.trial import FrozenTrial

from pipelines.job.job import Job
from pipelines.job.spent import Spent
from pipelines.search.failure_policy import POLICY, Decision, Ruling
from pipelines.search.leases import Lease
from pipelines.search.spending import end_attempt
from pipelines.search.trials import TrialStore, epochs_reported
from pipelines.search.worker_death import WorkerDeath

logger = logging.getLogger(__name__)


def free_job(
    job: Job,
    store: TrialStore,
    trial: FrozenTrial,
    death: WorkerDeath,
    *,
    has_trained: bool,
    spent: Spent,
) -> Ruling:
    """Free a job, or give it up; return what follows.

    Args:
        job: The job.
        store: The trials that contain its trial.
        trial: Its trial.
        death: How its worker died.
        has_trained: As in `FailurePolicy.lost_job`.
        spent: What the attempt has used.
    """
    held, size = Lease.of(trial), job.settings.batch_size
    lease = held.after_death(epochs_reported(trial), is_fault=death.is_fault)
    ruling = POLICY.lost_job(lease.deaths, death, batch_size=size, has_trained=has_trained)
    if ruling.out_of_memory:
        store.note_out_of_memory(trial, size)
    if ruling.decision is Decision.FAIL:
        lease = lease.abandoned(ruling.reason)
    end_attempt(store, trial, spent)
    store.set_lease(trial, lease)
    words, run = (held.worker, ruling.decision.value, ruling.reason), {"run": job.key.label}
    logger.warning("%s died: %s: %s", *words, extra=run)
    return ruling
