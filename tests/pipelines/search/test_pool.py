"""The pool on a real Ray, with a real Optuna database; only the training is made up.

The workers are our own class with another bench, sent to Ray by value: what is tested is how
work is handed out, how failures are told and how dead workers are dealt with.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import ray

from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.context import Context
from pipelines.search import pool
from pipelines.search.coordinator import open_storage
from pipelines.search.job import Job
from pipelines.search.line import Line
from pipelines.search.worker import Worker
from pipelines.tracking import Sender, Tracker

pytestmark = pytest.mark.ray


class FakeResult:
    """What a bench returns, without the framework that `pipelines.trial` loads."""

    def __init__(self, value: float | None, reason: str = "") -> None:
        self.value, self.pruned, self.reason = value, False, reason


class FakeBench:
    """Scores a trial by its number, unless the experiment's description has other plans."""

    def __init__(self, context: Context) -> None:
        self.notes = context.experiment.storage / "notes.txt"
        self.plans = dict(each.split(":") for each in context.experiment.description.split())

    def do(self, job: Job, line: Line) -> FakeResult:
        self._note(f"{job.key.label} attempt {job.attempt} by {os.getpid()}")
        plan = self.plans.get(str(job.key.number)) if job.key.kind == "trial" else None
        if plan == "raises":
            raise ValueError("it broke here")
        if plan == "diverges":
            return FakeResult(None, "the loss is not finite")
        if plan == "dies" and job.attempt == 1:
            os._exit(1)
        if plan == "mistaken":
            raise UserError("give another weights file")
        value = 0.1 * (job.key.number + 1)
        line.report(job.key, 1, value, 10.0)
        return FakeResult(value)

    def fail(self, job: Job, reason: str, details: str) -> None:
        self._note(f"{job.key.label} failed: {reason}")
        self._note(details.splitlines()[0])

    def forget(self, job: Job) -> None:
        self._note(f"{job.key.label} forgotten")

    def _note(self, text: str) -> None:
        with self.notes.open("a") as notes:
            notes.write(text + "\n")


class FakeWorker(Worker):
    """Our worker with the other bench; told to, it dies before it takes a job."""

    def __init__(self, name: str, context: Context) -> None:
        if context.experiment.description == "all:still-born":
            raise RuntimeError("no such card")
        self.name = name
        self.context = context
        self.bench: Any = FakeBench(context)


@pytest.fixture(scope="module")
def our_ray() -> Iterator[None]:
    """A Ray of this module's own on two processors, however many there are."""
    module = sys.modules[__name__]
    ray.cloudpickle.register_pickle_by_value(module)
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def run(
    our_ray: None,
    experiment: Experiment,
    changed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Run one architecture's study to its end; return winners, what was said, what was noted."""
    monkeypatch.setattr(pool, "Worker", FakeWorker)

    def run_pool(plans: str, workers: int = 1, **search: int) -> Any:
        planned = changed(
            experiment,
            description=plans,
            architectures={"pspnet": None, "segnet": None},
            search=search,
            resources={"workers": workers, "trials_per_worker": 3},
        )
        manifest = Manifest.model_construct()  # no job of ours looks at it
        context = Context(planned, tmp_path, manifest, Tracker("http://store"), "0", "run", "abc")
        news: list[str] = []
        with Sender(context.outboxes, context.tracker) as sender:
            winners = pool.run(context, lambda snapshot, happened: news.extend(happened), sender)
        return winners, news, notes(tmp_path)

    return run_pool


def notes(folder: Path) -> list[str]:
    return (folder / "notes.txt").read_text().splitlines()


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """Read the search back with a connection of our own."""
    storage = open_storage(f"sqlite:///{folder / 'optuna.db'}")
    (name,) = [each for each in optuna.get_all_study_names(storage) if each.endswith("/search")]
    found = optuna.load_study(study_name=name, storage=storage).trials
    storage.engine.dispose()
    return found


def test_failures_are_told_and_the_study_goes_on(run: Any, tmp_path: Path):
    winners, news, noted = run("1:raises 2:diverges 3:dies", trials=5)
    found = trials(tmp_path)
    states = [trial.state.name for trial in found]
    assert states == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    reasons = [trial.user_attrs.get("reason") for trial in found]
    assert reasons[1:3] == ["ValueError: it broke here", "the loss is not finite"]
    assert [trial.user_attrs["attempt"] for trial in found] == [1, 1, 1, 2, 1]
    assert winners["unet"]
    # The failure is told with its traceback; every job's checkpoints are removed at its end.
    assert "unet-trial-001 failed: ValueError: it broke here" in noted
    assert "Traceback (most recent call last):" in noted
    forgotten = [line for line in noted if line.endswith("forgotten")]
    assert len(forgotten) == len(set(forgotten)) == 5 + 2
    # What happened is said, and a process takes three jobs at most.
    assert any(line == "unet-trial-001: it broke here" for line in news)
    assert any("died" in line and "unet-trial-003 goes on anew" in line for line in news)
    processes = [line.split(" by ")[1] for line in noted if " by " in line]
    assert max(processes.count(each) for each in set(processes)) <= 3
    assert len(set(processes)) == 4  # the first, after 1 raised, after 3 died, after three jobs


def test_workers_that_cannot_start_end_the_study(run: Any):
    with pytest.raises(
        RuntimeError, match=r"3 workers in a row could not start(.|\n)*no such card"
    ):
        run("all:still-born")


def test_two_workers_share_the_work(run: Any, tmp_path: Path):
    run("", workers=2, trials=4)
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"] * 4


def test_a_mistake_of_the_users_stops_all_and_is_told(run: Any, tmp_path: Path):
    with pytest.raises(UserError, match="give another weights file"):
        run("0:mistaken")
    assert len(notes(tmp_path)) == 1


def test_a_search_without_a_survivor_says_why(run: Any):
    with pytest.raises(UserError, match="no trial was completed by unet: the loss is not finite"):
        run("0:diverges", trials=1)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"workers": 3}, "3 workers of 1 CPUs and 0 GPUs were asked for; Ray has 2 CPUs"),
        ({"workers": 1, "cpus": 4}, "enough for 0. Set resources.workers, resources.cpus"),
        ({"gpus": 1}, "1 workers of 1 CPUs and 1 GPUs were asked for"),
    ],
)
def test_more_than_ray_has_is_refused(
    our_ray: None, experiment: Experiment, changed: Any, resources: dict[str, Any], words: str
):
    asked = changed(experiment, resources=resources).resources
    with pytest.raises(UserError, match=words):
        pool.size(asked)


def test_workers_fill_what_ray_has(our_ray: None, experiment: Experiment, changed: Any):
    assert pool.size(experiment.resources) == 2
    assert pool.size(changed(experiment, resources={"cpus": 0.1}).resources) == 20


def test_a_ray_that_was_there_before_is_left_running(our_ray: None, experiment: Experiment):
    assert not pool.connect(experiment.resources)
    assert ray.is_initialized()
