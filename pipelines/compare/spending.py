"""Where the time of a study's workers went, read back from its runs.

A slot-second is a second of one worker. Each run has those of its worker since the run before;
what workers waited after their last job is on the study's run. A worker that was killed said
nothing of the job it was at, but for the epochs that another then went on from.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlflow.entities import Run

from faceseg.stopwatch import STEPS
from pipelines import phases
from pipelines.compare.formats import DASH, duration, share
from pipelines.compare.grids import Grid
from pipelines.config.claims import ENSEMBLE
from pipelines.tracking import Tracker

AFTER = "after the last job"
ALL = "all"
LATER = "from a worker's second job on"


@dataclass(frozen=True)
class Spent:
    """The seconds of one run by phase; `place` counts the jobs of its worker from 1."""

    name: str
    place: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Spending:
    """All slot-seconds of a study. `unmeasured` counts runs that say nothing of them."""

    jobs: tuple[Spent, ...] = ()
    after: Mapping[str, float] = {}
    unmeasured: int = 0

    def by_name(self) -> dict[str, Counter[str]]:
        """Return the seconds by phase of each network."""
        names = dict.fromkeys(job.name for job in self.jobs)
        return {name: _sum(job for job in self.jobs if job.name == name) for name in names}

    def all(self) -> Counter[str]:
        """Return the seconds by phase of all that the workers did, and of what they waited."""
        return _sum(self.jobs) + Counter(self.after)

    def later(self) -> Counter[str]:
        """Return those from each worker's second job on."""
        return _sum(job for job in self.jobs if job.place > 1) + Counter(self.after)


def read_spending(tracker: Tracker, experiment_id: str, study: str, run: Run) -> Spending:
    """Read the seconds of a study's jobs and of its own run."""
    jobs, unmeasured = [], 0
    for each in tracker.find_runs(experiment_id, study=study):
        name = each.data.tags.get("faceseg.architecture", "")
        if name in ("", ENSEMBLE):  # the study itself; what is done in no worker
            continue
        metrics = each.data.metrics
        if phases.PLACE in metrics:
            jobs.append(Spent(name, round(metrics[phases.PLACE]), phases.read(metrics)))
        else:
            unmeasured += 1
    after = {
        phase: sum(
            point.value
            for point in tracker.client.get_metric_history(run.info.run_id, f"seconds/{phase}")
        )
        for phase in phases.read(run.data.metrics)
    }
    return Spending(tuple(jobs), after, unmeasured)


def steps_share(seconds: Mapping[str, float]) -> float:
    """Return the share of optimiser steps in some seconds; NaN of none."""
    total = sum(seconds.values())
    return seconds.get(STEPS, 0.0) / total if total else float("nan")


def spending_grid(found: Spending, names: Iterable[str]) -> Grid:
    """Return a row a phase: seconds of each network, after the last job, of all, and shares."""
    own = found.by_name()
    columns = {name: own.get(name, Counter()) for name in names if name != ENSEMBLE}
    columns |= {AFTER: Counter(found.after), ALL: found.all()}
    everything, later = found.all(), found.later()
    rows = [
        [
            phases.WORDS[phase],
            *(_seconds(seconds.get(phase, 0.0)) for seconds in columns.values()),
            share(everything[phase] / sum(everything.values())),
            share(later[phase] / sum(later.values())) if later else DASH,
        ]
        for phase in phases.WORDS
        if everything.get(phase, 0.0) > 0
    ]
    if not rows:
        return Grid((), [])
    total = [duration(sum(seconds.values())) for seconds in columns.values()]
    rows.append(["together", *total, share(1.0), share(1.0) if later else DASH])
    return Grid(("", *columns, "share", LATER), rows)


def spending_notes(found: Spending) -> list[str]:
    """Say in sentences what the share of optimiser steps is, and what was not measured."""
    if not found.jobs:
        return ["Where the time went was not measured: another version of this program ran the "
                "study."]  # fmt: skip
    everything, later = found.all(), found.later()
    told = [
        f"Optimiser steps took {share(steps_share(everything))} of "
        f"{duration(sum(everything.values()))} of workers' time"
        + (f", and {share(steps_share(later))} {LATER}." if later else ".")
    ]
    if found.unmeasured:
        told.append(f"{found.unmeasured} runs do not say where their time went.")
    return told


def _sum(jobs: Iterable[Spent]) -> Counter[str]:
    together: Counter[str] = Counter()
    for job in jobs:
        together.update(job.seconds)
    return together


def _seconds(value: float) -> str:
    return duration(value) if value >= 0.5 else (DASH if value == 0 else "< 1 s")
