"""The driver on a real Ray with a real Optuna database; only the training is fake.

The workers are the real class with a fake runner, sent to Ray by value. The tests cover how jobs
are assigned, how failures are reported and how dead workers are replaced.
"""

from pathlib import Path
from typing import Any

import pytest
import ray

from faceseg.errors import UserError
from pipelines.cluster import connection
from pipelines.config import Experiment

from .fake_runner import notes, trials

pytestmark = pytest.mark.ray


def test_failures_are_recorded_and_the_study_continues(run: Any, tmp_path: Path):
    finished = run("1:raises 2:diverges 3:dies", jobs=3, trials=5)
    found, noted = trials(tmp_path), notes(tmp_path)
    states = [trial.state.name for trial in found]
    assert states == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    reasons = [trial.user_attrs.get("reason") for trial in found]
    assert reasons[1:3] == ["ValueError: it broke here", "the loss is not finite"]
    assert [trial.user_attrs["lease"]["attempt"] for trial in found] == [1, 1, 1, 2, 1]
    assert finished.winners["unet"]
    # The failure is recorded with its traceback; every job's checkpoints are removed at its end.
    assert "unet-trial-001 failed: ValueError: it broke here" in noted
    assert "Traceback (most recent call last):" in noted
    removed = [line for line in noted if line.endswith("removed")]
    assert len(removed) == len(set(removed)) == 5 + 2
    # Each event has a message, and a process runs at most three jobs.
    assert any(line == "unet-trial-001: ValueError: it broke here" for line in finished.messages)
    assert any("died" in line and "unet-trial-003 is retried" in line for line in finished.messages)
    processes = [line.split(" by ")[1] for line in noted if " by " in line]
    assert max(processes.count(each) for each in set(processes)) <= 3
    assert len(set(processes)) == 4  # the first, after 1 raised, after 3 died, after three jobs


def test_workers_that_cannot_start_end_the_study(run: Any):
    with pytest.raises(
        RuntimeError, match=r"3 workers in a row could not start(.|\n)*no such card"
    ):
        run("all:cannot-start")


def test_two_workers_share_the_work(run: Any, tmp_path: Path):
    run("", workers=2, trials=4)
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"] * 4


def test_a_mistake_of_the_users_stops_the_study_with_its_message(run: Any, tmp_path: Path):
    with pytest.raises(UserError, match="give another weights file"):
        run("0:mistaken")
    assert len(notes(tmp_path)) == 1


def test_the_error_about_a_search_without_a_winner_has_the_reasons(run: Any):
    with pytest.raises(UserError, match="no trial was completed by unet: the loss is not finite"):
        run("0:diverges", trials=1)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"workers": 3}, "3 workers with 1 CPUs and 0 GPUs each were requested; Ray has 2 CPUs"),
        ({"workers": 1, "cpus": 4}, "enough for 0. Lower resources.workers, resources.cpus"),
        ({"gpus": 1}, "1 workers with 1 CPUs and 1 GPUs each were requested"),
    ],
)
def test_more_workers_than_ray_has_room_for_are_refused(
    our_ray: None, experiment: Experiment, changed: Any, resources: dict[str, Any], words: str
):
    asked = changed(experiment, resources=resources).resources
    with pytest.raises(UserError, match=words):
        connection.worker_count(asked)


def test_workers_use_all_of_ray(our_ray: None, experiment: Experiment, changed: Any):
    assert connection.worker_count(experiment.resources) == 2
    assert connection.worker_count(changed(experiment, resources={"cpus": 0.1}).resources) == 20


def test_a_ray_that_was_there_before_is_left_running(our_ray: None, experiment: Experiment):
    assert not connection.connect_ray(experiment.resources)
    assert ray.is_initialized()
