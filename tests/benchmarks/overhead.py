"""The cost of a trial besides its training: a study of empty trials on faceseg's own machinery.

    python -m tests.benchmarks.overhead [TRIALS] [WORKERS]

Three architectures with TRIALS (100) trials of three epochs each, on WORKERS (2) warm workers of a
separate Ray, with Optuna on sqlite and the sampler and pruner of every study. Only the training is
left out. For each tenth of the trials it prints the seconds and the coordinator's CPU seconds of a
trial, and the memory of driver and coordinator. Constant columns mean that the thousandth trial
costs as much as the first.

Measured on 2 CPU cores, 1,002 trials on 64 workers: 0.05 to 0.08 s a trial after all had started,
nearly all of it the coordinator's CPU time, with no trend; driver 282 MB, coordinator 195 to 200
MB.
"""

import itertools
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import ray
from rich.console import Console
from rich.table import Table

from pipelines.config import Experiment
from pipelines.job.job import Job, Reporter
from pipelines.search import worker_pool
from pipelines.search.snapshot import StudySnapshot
from pipelines.search.worker import Worker
from tests.benchmarks import faceseg_study

EPOCHS = 3
PARTS = 10


class Result:
    """The result of an empty trial."""

    def __init__(self, value: float, pruned: bool) -> None:
        self.value, self.pruned, self.reason = value, pruned, ""


class NoOpRunner:
    """A runner whose trials report three values, higher for a rate near 0.003."""

    def compiled_networks(self) -> tuple[str, ...]:
        """Return no names: nothing is compiled."""
        return ()

    def run(self, job: Job, reporter: Reporter) -> Result:
        value = 1 / (1 + abs(job.settings.learning_rate / 0.003 - 1))
        for epoch in range(1, EPOCHS + 1):
            if not reporter.report(job.key, epoch, value * epoch / EPOCHS, 100.0):
                return Result(value, pruned=True)
        return Result(value, pruned=False)

    def remove_checkpoints(self, job: Job) -> None:
        pass


class IdleWorker(Worker):
    """A worker with that runner."""

    def make_runner(self) -> Any:
        return NoOpRunner()


@dataclass
class ResourceSample:
    """The state of the study at one moment."""

    ended: int
    clock: float
    coordinator_cpu: float
    driver_mb: float
    coordinator_mb: float


@dataclass
class ResourceMonitor:
    """Samples time and memory whenever another part of the trials has ended."""

    trials: int
    samples: list[ResourceSample] = field(default_factory=list)
    coordinator: psutil.Process | None = None

    def __call__(self, snapshot: StudySnapshot, messages: list[str]) -> None:
        if self.coordinator is None:
            self.coordinator = _coordinator()
        ended = sum(
            counts.get(state, 0)
            for counts in snapshot.counts.values()
            for state in ("complete", "pruned", "fail")
        )
        last = self.samples[-1].ended if self.samples else -1
        part = max(1, self.trials // PARTS)
        if ended // part > last // part or (ended == self.trials and last < ended):
            self.samples.append(self._sample(ended))

    def _sample(self, ended: int) -> ResourceSample:
        process = self.coordinator
        if process is None:
            raise RuntimeError("there is no coordinator")
        times = process.cpu_times()
        return ResourceSample(
            ended,
            time.perf_counter(),
            times.user + times.system,
            _megabytes(psutil.Process()),
            _megabytes(process),
        )


def main() -> None:
    """Run the study and print the table."""
    trials, workers = [*map(int, sys.argv[1:]), *(100, 2)[len(sys.argv) - 1 :]]
    folder = Path(tempfile.mkdtemp(prefix="faceseg-overhead-"))
    worker_pool.Worker = IdleWorker  # type: ignore[misc]
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        watch = run(folder, trials, workers)
    finally:
        shutil.rmtree(folder)
    Console().print(table(watch.samples))


def run(folder: Path, trials: int, workers: int) -> ResourceMonitor:
    """Run one study of empty trials in `folder`."""
    experiment = Experiment.model_validate(
        {
            "name": "overhead",
            "training": {"epochs": EPOCHS},
            "search": {"trials": trials, "grace_epochs": 1},
            "finals": {"seeds": 1},
            "resources": {"workers": workers, "address": "local", "trials_per_worker": 10**6},
            "storage": folder,
        }
    )
    watch = ResourceMonitor(3 * trials)
    faceseg_study.run_experiment(experiment, folder, watch)
    return watch


def table(samples: list[ResourceSample]) -> Table:
    """Return the samples as a table, a row for each part."""
    made = Table("trials", "s a trial", "coordinator CPU s a trial", "driver MB", "coordinator MB")
    for before, after in itertools.pairwise(samples):
        count = after.ended - before.ended
        made.add_row(
            f"{before.ended} to {after.ended}",
            f"{(after.clock - before.clock) / count:.3f}",
            f"{(after.coordinator_cpu - before.coordinator_cpu) / count:.3f}",
            f"{after.driver_mb:.0f}",
            f"{after.coordinator_mb:.0f}",
        )
    return made


def _coordinator() -> psutil.Process:
    """Return the process of the coordinator: Ray names the processes of its actors."""
    for process in psutil.Process().children(recursive=True):
        if process.name().startswith("ray::Coord") or "ray::Coordinator" in " ".join(
            process.cmdline()
        ):
            return process
    raise RuntimeError("there is no coordinator")


def _megabytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1024**2


if __name__ == "__main__":
    main()
