"""A study on a real Ray survives the deaths of its processes; only the training is fake."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import ray

from faceseg.errors import UserError
from pipelines.search import driver
from pipelines.search.snapshot import StudySnapshot
from pipelines.tracking import outbox

from .fake_runner import notes, trials

pytestmark = [pytest.mark.ray, pytest.mark.slow]


class Killer:
    """Kill the coordinator at each snapshot of a running trial; Ray restarts it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kills: int) -> None:
        self.left = kills
        original = driver._start_coordinator

        def start(*arguments: Any) -> Any:
            self.coordinator = original(*arguments)
            return self.coordinator

        monkeypatch.setattr(driver, "_start_coordinator", start)

    def __call__(self, snapshot: StudySnapshot) -> None:
        if self.left and any(each.epoch for each in snapshot.running):
            self.left -= 1
            ray.kill(self.coordinator, no_restart=False)


def attempts(folder: Path) -> list[int]:
    return [trial.user_attrs["lease"]["attempt"] for trial in trials(folder)]


def states(folder: Path) -> list[str]:
    return [trial.state.name for trial in trials(folder)]


def test_the_coordinator_may_die_and_no_job_is_started_again(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    killer = Killer(monkeypatch, kills=3)
    finished = run("all:strolls", workers=2, watch=killer, trials=4)
    assert killer.left == 0
    assert attempts(tmp_path) == [1, 1, 1, 1]
    assert states(tmp_path) == ["COMPLETE"] * 4
    assert all(len(trial.intermediate_values) == 6 for trial in trials(tmp_path))
    assert finished.winners["unet"]
    started = [line.split(" by ")[0] for line in notes(tmp_path) if " by " in line]
    assert len(started) == len(set(started)) == 4 + 2


def test_a_job_that_kills_its_workers_is_failed_and_its_run_closed(run: Any, tmp_path: Path):
    finished = run("1:kills", trials=3)
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]
    # The first death comes after a new epoch.
    assert attempts(tmp_path) == [1, 4, 1]
    reason = trials(tmp_path)[1].user_attrs["reason"]
    assert reason.startswith("failed 3 times in a row before an epoch was done: its process ended")
    assert f"unet-trial-001 is recorded as failed and not retried: {reason}" in finished.messages
    folders = [each for each in finished.context.outboxes.iterdir() if each.is_dir()]
    (folder,) = [
        each for each in folders if not each.name.startswith("study-")
    ]  # written by its workers
    records = [outbox.read_record(path) for path in outbox.record_paths(folder)]
    assert [each.kind for each in records] == ["metrics", "tags", "end"]
    cost = records[0].content["values"]["cost/seconds"]
    attempts_of_it = trials(tmp_path)[1].user_attrs["spent"]
    assert list(attempts_of_it) == ["1", "2", "3", "4"]
    assert cost == pytest.approx(sum(each["seconds"] for each in attempts_of_it.values()))
    assert records[1].content["tags"] == {"state": "failed", "reason": reason}
    assert records[2].content["status"] == "FAILED"
    assert records[0].run.name == "unet-trial-001"
    assert list(finished.context.checkpoints.rglob("latest.npz")) == []


@pytest.mark.nightly
def test_a_failed_final_is_tried_again_by_the_same_command(run: Any, tmp_path: Path):
    """It fails while a stray file exists, and keeps its checkpoints."""
    (tmp_path / "stray").touch()
    failed = run("final1:stumbles", trials=1)
    reason = "failed 3 times in a row before an epoch was done: RuntimeError: measuring failed"
    assert "RuntimeError: measuring failed; unet-final-001 is retried" in failed.messages
    assert f"unet-final-001 is recorded as failed: {reason}" in failed.messages
    assert len(list(failed.context.checkpoints.rglob("latest.npz"))) == 1
    (tmp_path / "stray").unlink()
    repeated = run("final1:stumbles", trials=1)
    assert repeated.winners == failed.winners
    started = [line.split(" by ")[0] for line in notes(tmp_path) if " by " in line]
    assert started == [
        "unet-trial-000 attempt 1",
        "unet-final-000 attempt 1",
        *(f"unet-final-001 attempt {attempt}" for attempt in (1, 2, 3, 4)),
    ]


def test_a_job_that_makes_progress_survives_any_number_of_deaths(run: Any, tmp_path: Path):
    run("0:creeps", trials=1)
    (trial,) = trials(tmp_path)
    assert (trial.state.name, trial.value, attempts(tmp_path)) == ("COMPLETE", 0.5, [5])
    assert trial.intermediate_values == pytest.approx({n: 0.1 * n for n in range(1, 6)})


def test_out_of_memory_is_recorded_with_the_batch_size_and_avoided(run: Any, tmp_path: Path):
    run("all:overflows", trials=8)
    found = trials(tmp_path)
    failed = [trial for trial in found if trial.state.name == "FAIL"]
    assert failed
    assert len({trial.params["batch_size"] for trial in failed}) == len(failed)  # no size twice
    for trial in failed:
        size = trial.params["batch_size"]
        assert trial.user_attrs["reason"] == f"out of memory at batch size {size}"
        assert trial.user_attrs["out_of_memory"] == size
    assert {trial.params["batch_size"] for trial in found[failed[-1].number + 1 :]} == {8}


def test_a_full_disk_stops_the_study_and_the_same_command_resumes_it(run: Any, tmp_path: Path):
    with pytest.raises(UserError) as raised:
        run("1:fills", trials=3)
    words = str(raised.value)
    assert "No space left on device" in words
    assert f"the disk of {tmp_path} has" in words
    assert "MiB free" in words
    assert words.endswith("then re-run the same command to resume")
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    (tmp_path / "room").touch()
    run("1:fills", trials=3)
    assert states(tmp_path) == ["COMPLETE"] * 3
    assert attempts(tmp_path) == [1, 2, 1]


def test_a_missing_database_is_reported_without_a_traceback(run: Any, tmp_path: Path):
    """The storage is moved away while a trial runs."""

    def move_away(snapshot: StudySnapshot) -> None:
        if any(each.epoch for each in snapshot.running) and tmp_path.exists():
            shutil.move(tmp_path, f"{tmp_path}-away")

    with pytest.raises(UserError) as raised:
        run("all:strolls", watch=move_away)
    shutil.move(f"{tmp_path}-away", tmp_path)
    assert "Traceback" not in str(raised.value)
    assert "restore it" in str(raised.value)
    assert states(tmp_path) == ["RUNNING"]


@pytest.mark.nightly
def test_a_budget_ends_a_study_whose_workers_and_coordinator_die(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A trial takes some seconds, of which 0.001 h leave room for one or two."""
    killer = Killer(monkeypatch, kills=2)
    finished = run("0:dies all:strolls", watch=killer, trials=9, budget={"cpu_hours": 0.001})
    assert killer.left == 0
    assert 1 <= len(trials(tmp_path)) < 9
    assert any("search.budget ends its search after" in line for line in finished.messages)
    (spent,) = [line for line in finished.messages if line.startswith("spent: ")]
    assert "h of workers" in spent
    for trial in trials(tmp_path):  # each attempt once
        numbers = range(1, trial.user_attrs["lease"]["attempt"] + 1)
        assert list(trial.user_attrs["spent"]) == [str(number) for number in numbers]
        assert all(each["seconds"] > 0 for each in trial.user_attrs["spent"].values())
