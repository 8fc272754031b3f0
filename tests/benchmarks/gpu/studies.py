"""Studies on the GPU: a small one that checks, and one whose time and scores are compared.

The settings of the second are those with which TensorFlow was first seen on an H200
(docs/backends.md): 3 x 3 trials of 6 epochs, 3 finals of 14, 800 faces of 256 px, four workers on a
quarter each.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faceseg.training.stopwatch import STEPS
from tests.benchmarks.gpu.checks import NETWORKS, Machine, Row
from tests.benchmarks.gpu.gpu_monitor import watched

QUICKSTART = "experiments/quickstart.yaml"


def overrides(machine: Machine, name: str, settings: dict[str, Any]) -> list[str]:
    """Return the values of `--set` of a study with a storage of its own."""
    given = {"storage": machine.folder / name, "name": name, **settings}
    return [f"{key}={value}" for key, value in given.items()]


def run_study(machine: Machine, name: str, settings: dict[str, Any]) -> str:
    """Run the quickstart with other settings on the first backend; return its output."""
    words = [word for each in overrides(machine, name, settings) for word in ("--set", each)]
    backend = machine.backends[0]
    return machine.finish(
        machine.start("pipelines", "study", QUICKSTART, *words, KERAS_BACKEND=backend)
    )


def study_runs(machine: Machine, name: str) -> tuple[Any, str, list[Any]]:
    """Return the tracker of a study, its experiment's id, and its runs."""
    from pipelines.tracking import Tracker

    tracker = Tracker(f"sqlite:///{machine.folder}/{name}/mlflow.db")
    experiment = tracker.experiment(name, machine.folder)
    return tracker, experiment, list(tracker.client.search_runs([experiment]))


def study(machine: Machine) -> list[Row]:
    """Run a small study on Ray, with MLflow and Optuna, with two workers on one GPU."""
    for package in ("ray", "mlflow", "optuna"):
        __import__(package)
    settings = {
        "resources.gpus": 0.2 if machine.gpu else 0, "resources.workers": 2, "resources.cpus": 1,
        "search.trials": 2, "search.random_trials": 1, "training.epochs": 2,
        "search.grace_epochs": 1, "finals.epochs": 3, "training.precision": "mixed",
        "data.drawn.train": 160, "data.drawn.val": 32, "data.drawn.test": 32,
        "robustness.final_images": 16, "robustness.trial_images": 8,
    }  # fmt: skip
    started = time.monotonic()
    output = run_study(machine, "gpu-check", settings)
    runs = study_runs(machine, "gpu-check")[2]
    states = [(run.data.tags["faceseg.kind"], run.info.status) for run in runs]
    rows = [line.strip() for line in output.splitlines() if "|" not in line]  # no progress lines
    table = [" ".join(line.split()) for line in rows if line.startswith(NETWORKS)]
    return [
        {
            "kind": kind, "state": status, "runs": states.count((kind, status)),
            "seconds": round(time.monotonic() - started), "table": "; ".join(table) or "none",
        }
        for kind, status in sorted(set(states))
    ]  # fmt: skip


def whole_study(machine: Machine) -> Iterator[Row]:
    """Draw the faces, run the study, and report it; the faces are drawn before the clock starts."""
    settings = _settings(machine.gpu)
    _prepare(machine, settings)
    row: Row = {}
    started = time.monotonic()
    with watched(row):
        run_study(machine, "whole-study", settings)
    row = {"minutes": round((time.monotonic() - started) / 60, 2), **row}
    tracker, experiment, runs = study_runs(machine, "whole-study")
    (study,) = (each for each in runs if each.data.tags["faceseg.kind"] == "study")
    jobs = [each for each in runs if each is not study]
    row["runs"] = len(jobs)
    row["finished"] = sum(each.info.status == "FINISHED" for each in jobs)
    for run in sorted(jobs, key=lambda each: str(each.data.tags["faceseg.architecture"])):
        if run.data.tags["faceseg.kind"] == "final":
            score = run.data.metrics.get("test/iou", float("nan"))
            row[f"{run.data.tags['faceseg.architecture']} test IoU"] = round(score, 3)
    yield row
    yield from _worker_time(tracker, experiment, study)


def _worker_time(tracker: Any, experiment: str, study: Any) -> Iterator[Row]:
    """Return the seconds and the share of each phase, the longest first, and the share of steps."""
    from pipelines.compare.study_data.worker_time import optimiser_share, read_worker_time

    found = read_worker_time(tracker, experiment, study.data.tags["faceseg.study"], study)
    total, later = found.total(), found.from_second_job()
    for phase, seconds in total.most_common():
        yield {
            "phase of the workers": phase,
            "seconds": round(seconds),
            "share": round(seconds / sum(total.values()), 3),
            "seconds of later jobs": round(later[phase]),
        }
    yield {
        "phase of the workers": f"share of {STEPS}",
        "share": round(optimiser_share(total), 3),
        "share in later jobs": round(optimiser_share(later), 3),
    }


def _prepare(machine: Machine, settings: dict[str, Any]) -> None:
    """Draw and pack the images."""
    from rich.console import Console

    from pipelines import config
    from pipelines.data.prepare import prepare

    words = tuple(overrides(machine, "whole-study", settings))
    prepare(config.load(Path(QUICKSTART), words), Console(quiet=True))


def _settings(gpu: bool) -> dict[str, Any]:
    """Return the settings; without a GPU only what tries the check itself."""
    if not gpu:
        return {
            "resources.workers": 2, "resources.cpus": 1, "search.trials": 1,
            "search.random_trials": 1, "training.epochs": 2, "search.grace_epochs": 1,
            "finals.epochs": 2, "data.drawn.train": 32, "data.drawn.val": 8, "data.drawn.test": 8,
            "data.drawn.size": 64, "data.image_size": "[64,64]",
            "robustness.final_images": 4, "robustness.trial_images": 4,
        }  # fmt: skip
    return {
        "resources.gpus": 0.25, "resources.workers": 4, "resources.cpus": 4,
        "search.trials": 3, "search.random_trials": 2, "training.epochs": 6,
        "search.grace_epochs": 2, "finals.epochs": 14, "training.precision": "mixed",
        "data.drawn.train": 800, "data.drawn.val": 100, "data.drawn.test": 100,
        "data.drawn.size": 256, "data.image_size": "[256,256]",
        "architectures": "{unet: {}, pspnet: {}, segnet: {}}",
    }  # fmt: skip
