"""How long the remaining jobs of a study take, estimated from the phases of those that have ended.

A job takes the time to compile its network (once a worker and network), to train its epochs and
to assess the result. The phases are those of `pipelines.job.results`, so they are in each run in
MLflow as `seconds/<phase>` too.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from faceseg.training import stopwatch
from pipelines.job import results
from pipelines.job.job import JobKind

TRAINING_PHASES = (
    *(stopwatch.STEPS, stopwatch.INPUT, stopwatch.TEACHER),
    *(stopwatch.VALIDATION, stopwatch.CHECKPOINTS),
    *(results.LOGGING_PHASE, stopwatch.OTHER),
)
# In units of the time that a worker takes to import its framework, which measures the machine: the
# process that measures a final's latency imports it too; the driver draws the report's figures.
MEASURING, REPORT = 1.5, 2.0
RECENT_JOBS = 3  # whose epochs count: the machine's load changes
IMPORTS_SECONDS = 6.0  # measured on two free cores; used if no worker has logged its imports


@dataclass(frozen=True, kw_only=True)
class EndedJob:
    """A job that was trained to its end: its epochs, and its seconds by phase."""

    architecture: str
    kind: JobKind
    epochs: float
    seconds: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class OpenJob:
    """A job that has not ended.

    Attributes:
        epochs: The epochs that it is expected to train.
        done: Those that are finished.
        elapsed: Seconds since a worker has taken it; None: no worker has.
        resumed_at: The epochs that were finished when the worker has taken it.
    """

    architecture: str
    kind: JobKind
    epochs: float
    done: float = 0.0
    elapsed: float | None = None
    resumed_at: int = 0


def remaining_seconds(
    ended: Sequence[EndedJob],
    open_jobs: Sequence[OpenJob],
    *,
    workers: int,
    images: Mapping[JobKind, int],
) -> float | None:
    """Estimate the seconds until a study's report is written.

    Args:
        ended: The jobs that have ended, those of one network in the order of their ends.
        open_jobs: The others, in the order in which workers take them.
        workers: The number of workers.
        images: How many images a job of each kind assesses, once for each condition.

    Returns:
        The estimate; None while no epoch is finished.
    """
    measured = [*ended, *_trained_so_far(ended, open_jobs)]
    if not measured:
        return None
    costs = JobCosts(measured, images)
    held = [job for job in open_jobs if job.elapsed is not None]
    # Each worker becomes free at the end of its job, and then takes the next waiting one.
    free = [costs.rest(job) for job in held] + [0.0] * max(0, workers - len(held))
    heapq.heapify(free)
    compiled = {job.architecture for job in measured} | {job.architecture for job in held}
    for job in open_jobs:
        if job.elapsed is None:
            cold = job.architecture not in compiled
            heapq.heapreplace(free, free[0] + costs.whole(job, cold=cold))
            compiled.add(job.architecture)
    return max(free) + REPORT * costs.imports


class JobCosts:
    """The expected seconds of jobs.

    Args:
        measured: Jobs whose seconds are known; at least one.
        images: How many images a job of each kind assesses, once for each condition.
    """

    def __init__(self, measured: Sequence[EndedJob], images: Mapping[JobKind, int]) -> None:
        self._measured = measured
        self._images = images
        imports = _values(measured, results.IMPORTS_PHASE)
        if measuring := _values(measured, results.MEASURING_PHASE):  # is newer than the imports
            imports = [measuring[-1] / MEASURING]
        self.imports = median(imports) if imports else IMPORTS_SECONDS

    def whole(self, job: OpenJob, *, cold: bool) -> float:
        """Return the seconds of a job that waits. `cold`: its network is compiled first."""
        return self._compiling(job.architecture, cold=cold) + self._training_and_end(job)

    def rest(self, job: OpenJob) -> float:
        """Return the remaining seconds of a job that a worker has taken."""
        if 0 < job.done < job.epochs:
            return self._training_and_end(job)
        # It compiles, or is assessed: the time since its start is what is known.
        whole = OpenJob(architecture=job.architecture, kind=job.kind, epochs=job.epochs)
        seen = any(each.architecture == job.architecture for each in self._measured)
        return max(0.0, self.whole(whole, cold=not seen) - (job.elapsed or 0.0))

    def _training_and_end(self, job: OpenJob) -> float:
        epochs = max(0.0, job.epochs - job.done)
        return epochs * self._epoch(job.architecture) + self._end(job.kind)

    def _epoch(self, architecture: str) -> float:
        """Return the seconds of an epoch with its validation, checkpoint and report."""
        own = [each for each in self._measured if each.architecture == architecture]
        chosen = (own or self._measured)[-RECENT_JOBS:]
        seconds = sum(each.seconds.get(phase, 0.0) for each in chosen for phase in TRAINING_PHASES)
        return seconds / sum(each.epochs for each in chosen)

    def _compiling(self, architecture: str, *, cold: bool) -> float:
        """Return the seconds to compile a network, or (not `cold`) to use the compiled one."""
        own = _values(
            (each for each in self._measured if each.architecture == architecture),
            stopwatch.COMPILING,
        )
        others = _values(self._measured, stopwatch.COMPILING)
        if cold:
            return max(own or others, default=0.0)
        return min(own) if len(own) > 1 else 0.0

    def _end(self, kind: JobKind) -> float:
        """Return the seconds after the last epoch: suites, test, measuring and files."""
        own = [each for each in self._measured if each.kind == kind]
        files = _values(own, results.ARTIFACTS_PHASE) or _values(
            self._measured, results.ARTIFACTS_PHASE
        )
        seconds = (median(files) if files else 0.0) + self._suites(kind)
        if kind == "final":
            measuring = _values(own, results.MEASURING_PHASE)
            seconds += fmean(measuring) if measuring else MEASURING * self.imports
            seconds += fmean(_values(own, results.TESTING_PHASE) or [0.0])
        return seconds

    def _suites(self, kind: JobKind) -> float:
        """Return the seconds of the suites, in proportion to the assessed images."""
        own = [each for each in self._measured if each.kind == kind]
        known = [each for each in own or self._measured if results.ROBUSTNESS_PHASE in each.seconds]
        images = sum(self._images[each.kind] for each in known)
        if not images:
            return 0.0
        seconds = sum(
            each.seconds.get(phase, 0.0) for each in known for phase in results.SUITE_PHASES
        )
        return seconds / images * self._images[kind]


def _trained_so_far(ended: Sequence[EndedJob], open_jobs: Sequence[OpenJob]) -> list[EndedJob]:
    """Return running jobs of networks of which no job has ended, as far as they are trained."""
    compiling = max(_values(ended, stopwatch.COMPILING), default=0.0)
    known = {job.architecture for job in ended}
    return [
        EndedJob(
            architecture=job.architecture,
            kind=job.kind,
            epochs=job.done - job.resumed_at,
            seconds={stopwatch.STEPS: max(job.elapsed - compiling, 0.1 * job.elapsed)},
        )
        for job in open_jobs
        if job.elapsed is not None
        and job.done - job.resumed_at >= 1
        and job.architecture not in known
    ]


def _values(jobs: Iterable[EndedJob], phase: str) -> list[float]:
    return [each.seconds[phase] for each in jobs if phase in each.seconds]
