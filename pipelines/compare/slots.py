"""Where the time of a study's workers went, read back from its runs.

A slot-second is a second of one worker. Each run has those of its worker since the run before;
what workers waited after their last job is on the study's run. A worker that was killed said
nothing of the job it was at, but for the epochs that another then went on from.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlflow.entities import Run

from faceseg.stopwatch import STEPS
from pipelines import phases
from pipelines.config.claims import ENSEMBLE
from pipelines.tracking import Tracker


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
    after: Mapping[str, float] = field(default_factory=dict)
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


def _sum(jobs: Iterable[Spent]) -> Counter[str]:
    together: Counter[str] = Counter()
    for job in jobs:
        together.update(job.seconds)
    return together
