"""What the attempts at a study's jobs have used, stored in Optuna's database.

An attempt ends once, whatever ends it, and its use is then stored with its trial under its number:

- it ends as its worker reports, with what the worker has measured;
- its worker dies: it ends when the driver notices that;
- the driver dies too: it ends at the last heartbeat, which the coordinator stores every
  `HEARTBEAT_INTERVAL` seconds. Only the seconds after it are not known.

An attempt that has ended keeps its stored use, so a step that is repeated after a crash changes
nothing.
"""

import time
from collections.abc import Mapping

from optuna.pruners import NopPruner
from optuna.storages import BaseStorage
from optuna.study import get_all_study_names
from optuna.trial import FrozenTrial, TrialState

from pipelines.config.sections import Resources
from pipelines.job.spent import Spent, total
from pipelines.search.leases import Lease
from pipelines.search.trials import SECONDS, SPENT, TrialStore, job_number

# An attribute of a study. It and its fields are stored in Optuna's database: do not rename them.
HEARTBEAT = "heartbeat"
HEARTBEAT_INTERVAL = 30.0


def ended_attempts(trial: FrozenTrial, resources: Resources) -> Spent:
    """Return what the attempts at a trial that have ended have used.

    Earlier versions stored only the seconds of a trial that has ended; `resources` are then taken
    to be those of its worker.
    """
    stored = trial.user_attrs.get(SPENT)
    if stored is None:
        return Spent.of(sum(trial.user_attrs.get(SECONDS, {}).values()), resources)
    return total(map(Spent.read, stored.values()))


def end_attempt(store: TrialStore, trial: FrozenTrial, spent: Spent) -> None:
    """Store what the attempt at a trial that its lease describes has used, unless it has ended."""
    stored, attempt = trial.user_attrs.get(SPENT, {}), str(Lease.of(trial).attempt)
    if attempt not in stored:
        store.set_attribute(trial, SPENT, {**stored, attempt: spent.as_dict()})


def use_of_attempt(trial: FrozenTrial, resources: Resources, reading: Spent | None) -> Spent:
    """Return what the attempt at a running trial has used until now.

    Args:
        trial: The trial, which a worker holds.
        resources: What the worker uses.
        reading: What the worker has last measured.
    """
    return _use(time.time() - Lease.of(trial).since, resources, reading)


def _use(seconds: float, resources: Resources, reading: Spent | None) -> Spent:
    if reading is None or not reading.seconds:
        return Spent.of(max(0.0, seconds), resources)
    return reading.until(seconds)


def end_lost_attempts(store: TrialStore, session: str, resources: Resources) -> None:
    """End the attempts of other sessions, whose drivers have died: at their last heartbeat.

    Args:
        store: Some trials of the study.
        session: The present session.
        resources: What its workers use.
    """
    lost = [
        trial
        for trial in store.running()
        if Lease.of(trial).worker and not Lease.of(trial).is_held_in(session)
    ]
    beat = store.study.user_attrs.get(HEARTBEAT, {}) if lost else {}
    for trial in lost:
        lease, seconds, reading = Lease.of(trial), 0.0, None
        if beat and lease.is_held_in(beat["session"]) and beat["at"] >= lease.since:
            seconds = beat["at"] - lease.since
            reading = beat["readings"].get(str(job_number(trial)))
        spent = _use(seconds, resources, Spent.read(reading) if reading else None)
        end_attempt(store, trial, spent)


def store_heartbeat(store: TrialStore, session: str, readings: Mapping[int, Spent | None]) -> None:
    """Store that the workers of a session hold their jobs now.

    Args:
        store: The trials of the jobs.
        session: The session.
        readings: What the workers have last measured, by the number of the job.
    """
    stored = {str(number): spent.as_dict() for number, spent in readings.items() if spent}
    beat = {"session": session, "at": time.time(), "readings": stored}
    store.study.set_user_attr(HEARTBEAT, beat)


def use_of_trial(
    trial: FrozenTrial, session: str, resources: Resources, reading: Spent | None
) -> Spent:
    """Return what all attempts at a trial have used until now.

    Args:
        trial: The trial.
        session: The present session, one of whose workers may hold it.
        resources: What these workers use.
        reading: What the worker that holds it has last measured.
    """
    lease, spent = Lease.of(trial), ended_attempts(trial, resources)
    ended = str(lease.attempt) in trial.user_attrs.get(SPENT, {})
    if trial.state != TrialState.RUNNING or ended or not lease.is_held_in(session):
        return spent
    return spent + use_of_attempt(trial, resources, reading)


def closed_finals(
    storage: BaseStorage, prefix: str, opened: str, session: str, resources: Resources
) -> Spent:
    """Return what the finals have used that no worker holds: as a rule, of earlier winners.

    Args:
        storage: Optuna's database.
        prefix: The beginning of the names of a search's finals.
        opened: The name of those that workers may hold; '' if there are none.
        session: The present session.
        resources: What its workers use.
    """
    names = [name for name in get_all_study_names(storage) if name.startswith(prefix)]
    spent = Spent()
    for name in names:
        if name != opened:
            store = TrialStore(name, storage, NopPruner())
            end_lost_attempts(store, session, resources)
            spent += total(ended_attempts(trial, resources) for trial in store.all())
    return spent
