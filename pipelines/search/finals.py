"""Finals that run again, with their numbers and seeds: failed ones, and those that MLflow lost.

Optuna does not reopen a trial that has ended. So a new trial replaces the ended one: it has the
number of the final as an attribute, and `TrialStore` returns it in the ended one's place.
"""

from collections.abc import Callable, Collection
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from pipelines.config import Experiment
from pipelines.config.sections import Finals
from pipelines.job.job import JobKey
from pipelines.search.failure_policy import POLICY, Decision
from pipelines.search.job_outcome import JobOutcome
from pipelines.search.leases import Lease
from pipelines.search.trials import RECORDED, SPENT, TrialStore, job_number

# The attribute of a failed final: the session in which it failed, and whether its settings are the
# cause. Its fields are stored in Optuna's database: do not rename them.
FAILURE = "failure"
# An attribute of a search: its finals have no early stopping under a cosine. Do not rename it.
FULL_LENGTH = "finals_of_full_length"


def finals_section(experiment: Experiment, search: TrialStore) -> Finals:
    """Return how the winner of a search is retrained: as when the search was begun.

    Up to 0.2.0 finals stopped as early as trials did. The finals of a search that was begun so
    still do, because those that were trained already are part of the same comparison.

    Args:
        experiment: The study's experiment.
        search: The trials of the search. A search without trials begins now.
    """
    if not search.all() and FULL_LENGTH not in search.study.user_attrs:
        search.study.set_user_attr(FULL_LENGTH, True)
    finals = experiment.finals
    if finals.early_stopping is None and FULL_LENGTH not in search.study.user_attrs:
        return finals.model_copy(update={"early_stopping": "training"})
    return finals


def next_number(store: TrialStore) -> int:
    """Return the number of the final that `ask_final` returns."""
    waiting = [trial for trial in store.all() if trial.state == TrialState.WAITING]
    if not waiting:
        return len(store.all())
    return job_number(min(waiting, key=lambda trial: trial.number))


def ask_final(store: TrialStore) -> FrozenTrial:
    """Return the next final: one that waits to be tried again, or that of the next number."""
    if len(store.started()) == len(store.all()):
        store.enqueue(len(store.all()), Lease())
    return store.ask({})


def retry_failed_finals(store: TrialStore, session: str) -> None:
    """Add a waiting trial for each final that is to be tried again in this session."""
    for trial in store.failed():
        failure = trial.user_attrs.get(FAILURE, {})  # earlier versions stored none
        ruling = POLICY.failed_final(
            own_fault=failure.get("own_fault", False),
            this_session=failure.get("session") == session,
        )
        if ruling.decision is Decision.RETRY:
            _repeat(store, trial, trial.user_attrs.get(RECORDED))


def repeat_lost_finals(
    store: TrialStore, key_of: Callable[[int], JobKey], recorded: Collection[JobKey]
) -> list[JobKey]:
    """Add a waiting trial for each complete final whose results were lost outside Optuna.

    Args:
        store: The finals of one architecture's winner.
        key_of: Returns the key of the final of a number.
        recorded: The finals whose results MLflow has.

    Returns:
        The keys of the finals that run again.
    """
    keys = {key_of(job_number(trial)): trial for trial in store.complete()}
    lost = {key: trial for key, trial in keys.items() if key not in recorded}
    for trial in lost.values():
        _repeat(store, trial, trial.value)
    return list(lost)


def _repeat(store: TrialStore, trial: FrozenTrial, recorded: float | None) -> None:
    """Add a waiting trial in the place of `trial`; `recorded` is the value that it had, if any.

    It takes over what the attempts have used, because `TrialStore` returns it alone.
    """
    known: dict[str, Any] = {} if recorded is None else {RECORDED: recorded}
    known |= {SPENT: trial.user_attrs[SPENT]} if SPENT in trial.user_attrs else {}
    store.enqueue(job_number(trial), Lease(attempt=Lease.of(trial).attempt), **known)


def note_failed_final(
    store: TrialStore, trial: FrozenTrial, outcome: JobOutcome, session: str
) -> None:
    """Store in which session a final fails, and whether its settings are the cause."""
    store.set_attribute(trial, FAILURE, {"session": session, "own_fault": outcome.own_fault})
