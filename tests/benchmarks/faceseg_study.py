"""A study on faceseg's coordinator and warm workers, with a benchmark's trials.

Only sampling, pruning, reporting and storing are those of faceseg: there is no MLflow, no occlusion
and no permanent checkpoint. Workers receive this module by value.
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
from pipelines.search.snapshot import StudySnapshot
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
    """A runner of a benchmark's function; the final of the winner ends at once."""

    def __init__(self, trainable: Any) -> None:
        self.trainable = trainable

    def compiled_networks(self) -> tuple[str, ...]:
        """Return no names: nothing is compiled."""
        return ()

    def run(self, job: Job, reporter: Reporter) -> Result:
        """Run one job."""
        if job.key.kind == "final":
            return Result(1.0)
        pruned = False

        def report(epoch: int, value: float) -> bool:
            nonlocal pruned
            pruned = not reporter.report(job.key, epoch, value, 1.0)
            return not pruned

        settings = job.settings.model_dump(include={"learning_rate", "batch_size"})
        value = self.trainable(settings, report)
        return Result(value, pruned)

    def remove_checkpoints(self, job: Job) -> None:
        """Do nothing: there are no checkpoints."""


def run(study: Any, folder: Path, slots: int) -> list[float]:
    """Run a `tests.benchmarks.orchestrators.Study`; return when each trial ended."""
    ray.cloudpickle.register_pickle_by_value(trainables)
    trainable = study.trainable(threads=1, keeps=True)

    class BenchmarkWorker(Worker):
        def make_runner(self) -> Any:
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
    ends: list[float] = []

    def watch(snapshot: StudySnapshot, messages: list[str]) -> None:
        ended = sum(snapshot.counts["unet"].get(state, 0) for state in ENDED)
        ends.extend([time.perf_counter() - began] * (ended - len(ends)))

    began = time.perf_counter()
    run_experiment(experiment, folder, watch)
    return ends


def run_experiment(experiment: Experiment, folder: Path, watch: driver.ShowSnapshot) -> None:
    """Run an experiment's jobs in `folder` on a separate Ray, without data and without MLflow."""
    tracker = Tracker("http://127.0.0.1:9")  # no server listens there, and nothing is logged
    context = StudyContext(
        experiment=experiment,
        packs=folder,
        manifest=Manifest.model_construct(),
        tracker=tracker,
        experiment_id="0",
        study_run="run",
        commit="-",
    )
    ray.init(
        address="local",
        num_cpus=experiment.resources.workers,
        include_dashboard=False,
        log_to_driver=False,
    )
    try:
        driver.run_jobs(context, watch, Sender(context.outboxes, tracker))
    finally:
        ray.shutdown()
