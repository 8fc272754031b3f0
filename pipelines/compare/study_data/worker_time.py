"""How the workers of a study spent their time, read from the study's runs.

Each run logs the seconds of its worker since that worker's previous run, by phase; the study's
own run logs how long workers waited after their last job. A killed worker logs nothing for its
current job, except for the epochs from which another worker then resumed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlflow.entities import Run

from faceseg.training.stopwatch import STEPS
from pipelines.compare.formatting import DASH, TextTable, format_duration, format_share
from pipelines.config.names import is_trained
from pipelines.job import results
from pipelines.tracking import Tracker


@dataclass(frozen=True)
class RunSeconds:
    """The seconds of one run by phase; `position` numbers the jobs of its worker from 1."""

    name: str
    position: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class WorkerTime:
    """The time of all workers of a study, in seconds by phase.

    `after` is the time after the workers' last jobs. `unmeasured` is the number of runs that
    did not log their time.
    """

    jobs: tuple[RunSeconds, ...] = ()
    after: Mapping[str, float] = field(default_factory=dict)
    unmeasured: int = 0

    def by_name(self) -> dict[str, Counter[str]]:
        """Return the seconds by phase of each network."""
        names = dict.fromkeys(job.name for job in self.jobs)
        return {name: _sum(job for job in self.jobs if job.name == name) for name in names}

    def total(self) -> Counter[str]:
        """Return the seconds by phase of all jobs, including the time after the last jobs."""
        return _sum(self.jobs) + Counter(self.after)

    def from_second_job(self) -> Counter[str]:
        """Return the same as `total`, without the first job of each worker."""
        return _sum(job for job in self.jobs if job.position > 1) + Counter(self.after)


def read_worker_time(tracker: Tracker, experiment_id: str, study: str, run: Run) -> WorkerTime:
    """Read the time of a study's workers from its jobs' runs and from its own `run`."""
    jobs, unmeasured = [], 0
    for each in tracker.find_runs(experiment_id, study=study):
        name = each.data.tags.get("faceseg.architecture", "")
        if not name or not is_trained(name):  # the study's own run, or one that no worker ran
            continue
        metrics = each.data.metrics
        if results.WORKER_JOB_METRIC in metrics:
            position = round(metrics[results.WORKER_JOB_METRIC])
            jobs.append(RunSeconds(name, position, results.phase_seconds(metrics)))
        else:
            unmeasured += 1
    after: Counter[str] = Counter()
    for seconds in results.read_worker_time_tags(run.data.tags):
        after.update(seconds)
    for phase in results.phase_seconds(run.data.metrics):  # stored by earlier versions
        points = tracker.client.get_metric_history(run.info.run_id, f"seconds/{phase}")
        after[phase] += sum(point.value for point in points)
    return WorkerTime(tuple(jobs), dict(after), unmeasured)


def optimiser_share(seconds: Mapping[str, float]) -> float:
    """Return the share of the time that optimiser steps took; NaN if no time was measured."""
    total = sum(seconds.values())
    return seconds.get(STEPS, 0.0) / total if total else float("nan")


def _sum(jobs: Iterable[RunSeconds]) -> Counter[str]:
    seconds: Counter[str] = Counter()
    for job in jobs:
        seconds.update(job.seconds)
    return seconds


# --- The same as a table and as sentences of the report.

AFTER_LAST_JOB = "after the last job"
ALL = "all"


def worker_time_table(worker_time: WorkerTime, names: Iterable[str]) -> TextTable:
    """Return the time by phase (rows) of each network, after the last job, and of all together.

    Args:
        worker_time: The time of the study's workers.
        names: The networks, in the order of the columns.

    Returns:
        The table, with the share of each phase in its last two columns: of all time, and of the
        time without each worker's first job. It has no rows if no time was measured.
    """
    seconds_by_name = worker_time.by_name()
    total, later = worker_time.total(), worker_time.from_second_job()
    columns = {name: seconds_by_name.get(name, Counter()) for name in names if is_trained(name)}
    columns |= {AFTER_LAST_JOB: Counter(worker_time.after), ALL: total}
    rows = [
        [
            results.PHASE_LABELS[phase],
            *(_seconds(seconds.get(phase, 0.0)) for seconds in columns.values()),
            format_share(total[phase] / sum(total.values())),
            format_share(later[phase] / sum(later.values())) if later[phase] else DASH,
        ]
        for phase in results.PHASE_LABELS
        if total.get(phase, 0.0) > 0
    ]
    if not rows:
        return TextTable((), [])
    sums = [format_duration(sum(seconds.values())) for seconds in columns.values()]
    rows.append(["total", *sums, format_share(1.0), format_share(1.0) if later else DASH])
    headings = ("phase", *columns, "share", "share, later jobs")
    return TextTable(headings, rows).without_empty_columns()


def worker_time_sentences(worker_time: WorkerTime) -> list[str]:
    """Return sentences about the share of optimiser steps and about runs without measurement."""
    if not worker_time.jobs:
        return ["The time was not measured: the study was run by another version of faceseg."]
    total, later = worker_time.total(), worker_time.from_second_job()
    share = format_share(optimiser_share(total))
    sentence = f"Workers spent {format_duration(sum(total.values()))}; {share} of it on optimiser"
    if later:
        share = format_share(optimiser_share(later))
        sentence += f" steps ({share} without the first job of each worker)."
    else:
        sentence += " steps."
    if not worker_time.unmeasured:
        return [sentence]
    count = worker_time.unmeasured
    return [sentence, f"{count} run{'s' if count > 1 else ''} did not log how the time was spent."]


def _seconds(value: float) -> str:
    return format_duration(value) if value >= 0.5 else (DASH if value == 0 else "< 1 s")
