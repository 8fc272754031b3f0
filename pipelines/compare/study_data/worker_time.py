"""Where the time of a study's workers went, read back from its runs.

A slot-second is a second of one worker. Each run has those of its worker since the run before;
what workers waited after their last job is on the study's run. A worker that was killed said
nothing of the job it was at, but for the epochs that another then went on from.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlflow.entities import Run

from faceseg.training.stopwatch import STEPS
from pipelines.compare.formatting import DASH, TextTable, format_duration, format_share
from pipelines.config.sections import ENSEMBLE
from pipelines.job import results
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class RunSeconds:
    """The seconds of one run by phase; `place` counts the jobs of its worker from 1."""

    name: str
    position: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class WorkerTime:
    """All slot-seconds of a study. `unmeasured` counts runs that say nothing of them."""

    jobs: tuple[RunSeconds, ...] = ()
    after: Mapping[str, float] = field(default_factory=dict)
    unmeasured: int = 0

    def by_name(self) -> dict[str, Counter[str]]:
        """Return the seconds by phase of each network."""
        names = dict.fromkeys(job.name for job in self.jobs)
        return {name: _sum(job for job in self.jobs if job.name == name) for name in names}

    def total(self) -> Counter[str]:
        """Return the seconds by phase of all that the workers did, and of what they waited."""
        return _sum(self.jobs) + Counter(self.after)

    def from_second_job(self) -> Counter[str]:
        """Return those from each worker's second job on."""
        return _sum(job for job in self.jobs if job.position > 1) + Counter(self.after)


def read_worker_time(tracker: Tracker, experiment_id: str, study: str, run: Run) -> WorkerTime:
    """Read the seconds of a study's jobs and of its own run."""
    jobs, unmeasured = [], 0
    for each in tracker.find_runs(experiment_id, study=study):
        name = each.data.tags.get("faceseg.architecture", "")
        if name in ("", ENSEMBLE):  # the study itself; what is done in no worker
            continue
        metrics = each.data.metrics
        if results.WORKER_JOB_METRIC in metrics:
            jobs.append(
                RunSeconds(
                    name, round(metrics[results.WORKER_JOB_METRIC]), results.phase_seconds(metrics)
                )
            )
        else:
            unmeasured += 1
    after = {
        phase: sum(
            point.value
            for point in tracker.client.get_metric_history(run.info.run_id, f"seconds/{phase}")
        )
        for phase in results.phase_seconds(run.data.metrics)
    }
    return WorkerTime(tuple(jobs), after, unmeasured)


def optimiser_share(seconds: Mapping[str, float]) -> float:
    """Return the share of optimiser steps in some seconds; NaN of none."""
    total = sum(seconds.values())
    return seconds.get(STEPS, 0.0) / total if total else float("nan")


def _sum(jobs: Iterable[RunSeconds]) -> Counter[str]:
    together: Counter[str] = Counter()
    for job in jobs:
        together.update(job.seconds)
    return together


# --- Where the time of a study's workers went, as a table and in sentences.

AFTER_LAST_JOB = "after the last job"
ALL = "all"
FROM_SECOND_JOB = "from a worker's second job on"


def worker_time_table(found: WorkerTime, names: Iterable[str]) -> TextTable:
    """Return a row a phase: seconds of each network, after the last job, of all, and shares."""
    own = found.by_name()
    columns = {name: own.get(name, Counter()) for name in names if name != ENSEMBLE}
    columns |= {AFTER_LAST_JOB: Counter(found.after), ALL: found.total()}
    everything, later = found.total(), found.from_second_job()
    rows = [
        [
            results.PHASE_LABELS[phase],
            *(_seconds(seconds.get(phase, 0.0)) for seconds in columns.values()),
            format_share(everything[phase] / sum(everything.values())),
            format_share(later[phase] / sum(later.values())) if later[phase] else DASH,
        ]
        for phase in results.PHASE_LABELS
        if everything.get(phase, 0.0) > 0
    ]
    if not rows:
        return TextTable((), [])
    total = [format_duration(sum(seconds.values())) for seconds in columns.values()]
    rows.append(["together", *total, format_share(1.0), format_share(1.0) if later else DASH])
    return TextTable(("", *columns, "share", "2nd job on"), rows)


def worker_time_sentences(found: WorkerTime) -> list[str]:
    """Say in sentences what the share of optimiser steps is, and what was not measured."""
    if not found.jobs:
        return ["Where the time went was not measured: another version of this program ran the "
                "study."]  # fmt: skip
    everything, later = found.total(), found.from_second_job()
    told = [
        f"Optimiser steps took {format_share(optimiser_share(everything))} of "
        f"{format_duration(sum(everything.values()))} of workers' time"
        + (f", and {format_share(optimiser_share(later))} {FROM_SECOND_JOB}." if later else ".")
    ]
    if found.unmeasured:
        told.append(f"{found.unmeasured} runs do not say where their time went.")
    return told


def _seconds(value: float) -> str:
    return format_duration(value) if value >= 0.5 else (DASH if value == 0 else "< 1 s")
