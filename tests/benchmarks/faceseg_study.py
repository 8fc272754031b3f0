"""A study on our coordinator and warm workers whose trials do what a benchmark says.

Beside the pruning, the asking and the storing nothing is left of the product: no MLflow, no
occlusion, no checkpoint that outlives a trial. Workers get this module by value.
"""

import time
from pathlib import Path
from typing import Any

import ray

from faceseg.data.manifest import Manifest
from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.job.job import Job, Reporter
from pipelines.search import driver, worker_pool
from pipelines.search.coordinator import StudySnapshot
from pipelines.search.worker import Worker
from pipelines.tracking import Sender, Tracker
from tests.benchmarks import trainables
from tests.benchmarks.trainables import BATCH_SIZES, RATES

ENDED = ("complete", "pruned", "fail")


class Result:
    """How a trial ended."""

    def __init__(self, value: float, pruned: bool = False) -> None:
        self.value, self.pruned, self.reason = value, pruned, ""


class BenchmarkRunner:
    """Trials of a benchmark's function; the final of the winner is over at once."""

    def __init__(self, trainable: Any) -> None:
        self.trainable = trainable

    def warm(self) -> tuple[str, ...]:
        """Compile nothing ahead."""
        return ()

    def do(self, job: Job, line: Reporter) -> Result:
        """Do one."""
        if job.key.kind == "final":
            return Result(1.0)
        pruned = False

        def report(epoch: int, value: float) -> bool:
            nonlocal pruned
            pruned = not line.report(job.key, epoch, value, 1.0)
            return not pruned

        settings = job.settings.model_dump(include={"learning_rate", "batch_size"})
        value = self.trainable(settings, report)
        return Result(value, pruned)

    def forget(self, job: Job) -> None:
        """Leave nothing behind: there is nothing."""


def run(study: Any, folder: Path, slots: int) -> list[float]:
    """Run a `tests.benchmarks.orchestrators.Study`; return when each trial ended."""
    ray.cloudpickle.register_pickle_by_value(trainables)
    trainable = study.trainable(threads=1, keeps=True)

    class BenchmarkWorker(Worker):
        def make_bench(self) -> Any:
            return BenchmarkRunner(trainable)

    worker_pool.Worker = BenchmarkWorker  # type: ignore[misc]
    experiment = Experiment.model_validate(
        {
            "name": "orchestrators",
            "architectures": {"unet": {}},
            "training": {"epochs": study.epochs},
            "search": {
                "trials": study.trials,
                "space": {
                    "learning_rate": {"low": RATES[0], "high": RATES[1], "log": True},
                    "batch_size": {"choices": BATCH_SIZES},
                },
                "grace_epochs": 1,
                "pruner": "halving" if study.work == "nothing" else "none",
            },
            "finals": {"seeds": 1},
            "resources": {"workers": slots, "address": "local", "trials_per_worker": 10**6},
            "storage": folder,
        }
    )
    tracker = Tracker("http://127.0.0.1:9")  # nobody is there, and nothing is said
    context = StudyContext(experiment, folder, Manifest.model_construct(), tracker, "0", "run", "-")
    ends: list[float] = []

    def watch(snapshot: StudySnapshot, news: list[str]) -> None:
        ended = sum(snapshot.counts["unet"].get(state, 0) for state in ENDED)
        ends.extend([time.perf_counter() - began] * (ended - len(ends)))

    began = time.perf_counter()
    ray.init(address="local", num_cpus=slots, include_dashboard=False, log_to_driver=False)
    try:
        driver.run_jobs(context, watch, Sender(context.outboxes, tracker))
    finally:
        ray.shutdown()
    return ends
