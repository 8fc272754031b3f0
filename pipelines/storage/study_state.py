"""The state of studies: what is done, what runs and what waits, from Optuna, MLflow and the locks.

It is read while a study runs as well as after it was killed.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from mlflow.entities import Run
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError
from yaml import YAMLError

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.config.costs import budget_terms
from pipelines.config.database_errors import sqlite_file
from pipelines.config.plain_yaml import read_yaml
from pipelines.job.job import JobKey, JobKind
from pipelines.search.goal_values import score, within_bounds
from pipelines.search.leases import Lease, study_driver
from pipelines.search.purse import BUDGET_END
from pipelines.search.trials import epochs_reported, job_number
from pipelines.storage.stored_trials import NetworkTrials, StudyTrials, read_trials
from pipelines.tracking import Tracker
from pipelines.tracking.outbox import record_paths


@dataclass(frozen=True, kw_only=True)
class JobCounts:
    """How many jobs are in each state. `waiting` is None if the study's budget is unknown."""

    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int | None


@dataclass(frozen=True, kw_only=True)
class NetworkState:
    """The trials and finals of one network, and its best `val/iou` so far."""

    trials: JobCounts
    finals: JobCounts
    best_val_iou: float | None


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job that a worker runs now: its finished epochs, and the minutes since it began."""

    job: str
    epoch: int
    minutes: float


@dataclass(frozen=True, kw_only=True)
class StudyState:
    """The state of one study.

    Attributes:
        state: `running`, `finished`, or `unfinished`: no process runs it, and jobs are left.
        driver: The process that runs it; '' if none does.
        run: The id of its MLflow run; '' if there is none yet.
        running: The jobs that workers run.
        undelivered: Records that MLflow has not received yet.
        report: Its report; '' if there is none yet.
    """

    study: str
    experiment: str
    state: Literal["running", "finished", "unfinished"]
    driver: str
    run: str
    networks: dict[str, NetworkState]
    running: tuple[JobState, ...]
    undelivered: int
    report: str


def read_states(experiment: Experiment, only: str | None = None) -> list[StudyState]:
    """Return the state of the studies in a storage, oldest first.

    Args:
        experiment: Its storage and databases are read; it has the budget of its own study.
        only: The name of the one study to return; None: all of them.

    Raises:
        UserError: A database cannot be used.
    """
    trials, runs = read_trials(experiment), _study_runs(experiment)
    names = [name for name in dict.fromkeys((*runs, *trials)) if only in (None, name)]
    states = []
    for name in names:
        budget = experiment if name == experiment.study else _logged(experiment, runs.get(name))
        states.append(
            _state(experiment.storage, name, trials.get(name, {}), runs.get(name), budget)
        )
    return states


def _study_runs(experiment: Experiment) -> dict[str, Run]:
    """Return the runs of all studies in MLflow by name, oldest first."""
    file = sqlite_file(experiment.tracking_uri)
    if file is not None and not file.exists():  # MLflow would create it
        return {}
    runs = Tracker(experiment.tracking_uri).all_runs(kind="study")
    return {run.data.tags["faceseg.study"]: run for run in runs}


def _logged(experiment: Experiment, run: Run | None) -> Experiment | None:
    """Return the experiment that a study has logged; None if it cannot be read."""
    if run is None:
        return None
    try:
        with TemporaryDirectory(prefix="faceseg-") as folder:
            file = Tracker(experiment.tracking_uri).fetch(
                run.info.run_id, "experiment.yaml", Path(folder)
            )
            return Experiment.model_validate(read_yaml(file))
    except (UserError, OSError, UnicodeDecodeError, ValidationError, YAMLError):
        return None


def _state(
    storage: Path, name: str, trials: StudyTrials, run: Run | None, budget: Experiment | None
) -> StudyState:
    driver = study_driver(storage, name)
    since = driver[1] if driver else None
    networks = dict.fromkeys((*(budget.trained_networks if budget else ()), *trials))
    states = {
        network: _network(network, trials.get(network, NetworkTrials()), budget, since)
        for network in networks
    }
    counts = [part for each in states.values() for part in (each.trials, each.finals)]
    complete = run is not None and run.info.status == "FINISHED"
    finished = complete and not any(each.waiting for each in counts)
    title = name.rpartition("-")[0]
    report = storage / title / "comparison.html"
    outboxes = storage / "outbox" / name
    return StudyState(
        study=name,
        experiment=title,
        state="running" if driver else "finished" if finished else "unfinished",
        driver=driver[0] if driver else "",
        run=run.info.run_id if run else "",
        networks=states,
        running=tuple(
            job for network in trials for job in _running(network, trials[network], since)
        ),
        undelivered=sum(len(record_paths(each)) for each in outboxes.glob("*/")),
        report=str(report) if finished and report.exists() else "",
    )


def _network(
    name: str, trials: NetworkTrials, budget: Experiment | None, since: float | None
) -> NetworkState:
    limits: tuple[int | None, int | None] = (None, None)
    if budget is not None:
        own = 0 if name in budget.teachers else budget.search.trials
        if (costs := budget.search.budget) is not None:
            terms = budget_terms(costs, budget.resources.prices)
            if trials.attributes.get(BUDGET_END, {}).get("terms") == terms:
                own = len(trials.search)
        limits = (1 if name in budget.variants else own, budget.finals.seeds)
    complete = [trial for trial in trials.search if trial.state == TrialState.COMPLETE]
    has_goals = budget is not None and name in budget.architectures
    kept = within_bounds(complete, budget.search.parsed_goals if budget and has_goals else None)
    values = [score(trial) for trial in kept]
    return NetworkState(
        trials=_counts(trials.search, limits[0], since),
        finals=_counts(trials.present_finals, limits[1], since),
        best_val_iou=max(values, default=None),
    )


def _counts(trials: Sequence[FrozenTrial], budget: int | None, since: float | None) -> JobCounts:
    states = Counter(trial.state for trial in trials)
    ended = states[TrialState.COMPLETE], states[TrialState.PRUNED], states[TrialState.FAIL]
    running = sum(_is_held(trial, since) for trial in trials)
    return JobCounts(
        complete=ended[0],
        pruned=ended[1],
        failed=ended[2],
        running=running,
        waiting=None if budget is None else max(0, budget - sum(ended) - running),
    )


def _is_held(trial: FrozenTrial, since: float | None) -> bool:
    """Return whether a worker of the driver that began at `since` runs a trial."""
    lease = Lease.of(trial)
    held = trial.state == TrialState.RUNNING and bool(lease.worker)
    return held and since is not None and lease.since >= since


def _running(network: str, trials: NetworkTrials, since: float | None) -> list[JobState]:
    kinds: dict[JobKind, list[FrozenTrial]] = {
        "trial": trials.search,
        "final": trials.present_finals,
    }
    return [
        JobState(
            job=JobKey(kind=kind, architecture=network, number=job_number(trial)).label,
            epoch=epochs_reported(trial),
            minutes=round((time.time() - Lease.of(trial).since) / 60, 1),
        )
        for kind, each in kinds.items()
        for trial in each
        if _is_held(trial, since)
    ]
