"""A study on a real Ray survives the deaths of its processes; only the training is made up."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import ray

from faceseg.errors import UserError
from pipelines.search import driver
from pipelines.search.coordinator import StudySnapshot
from pipelines.tracking import outbox

from .fake_runner import notes, trials

pytestmark = [pytest.mark.ray, pytest.mark.slow]


class Killer:
    """Kills the coordinator whenever the study is looked at; Ray starts it again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, kills: int) -> None:
        self.left = kills
        really_start = driver._start_coordinator

        def start(*arguments: Any) -> Any:
            self.coordinator = really_start(*arguments)
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


def test_the_coordinator_may_die_in_the_middle_and_no_job_is_begun_anew(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    killer = Killer(monkeypatch, kills=3)
    ran = run("all:strolls", workers=2, watch=killer, trials=4)
    assert killer.left == 0
    assert attempts(tmp_path) == [1, 1, 1, 1]
    assert states(tmp_path) == ["COMPLETE"] * 4
    assert all(len(trial.intermediate_values) == 6 for trial in trials(tmp_path))
    assert ran.winners["unet"]
    begun = [line.split(" by ")[0] for line in notes(tmp_path) if " by " in line]
    assert len(begun) == len(set(begun)) == 4 + 2


def test_a_job_that_kills_its_workers_is_given_up_and_its_run_closed(run: Any, tmp_path: Path):
    ran = run("1:kills", trials=3)
    reason = "its worker died 3 times in a row before an epoch was done"
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]
    # The first death comes behind an epoch that nobody had done before.
    assert attempts(tmp_path) == [1, 4, 1]
    assert trials(tmp_path)[1].user_attrs["reason"] == reason
    assert f"unet-trial-001 is given up: {reason}" in ran.news
    folders = [each for each in ran.context.outboxes.iterdir() if each.is_dir()]
    (folder,) = [each for each in folders if not each.name.startswith("study-")]  # its workers'
    said = [outbox.read_record(path) for path in outbox.record_paths(folder)]
    assert [each.kind for each in said] == ["tags", "end"]
    assert said[0].content["tags"] == {"state": "failed", "reason": reason}
    assert said[1].content["status"] == "FAILED"
    assert said[0].run.name == "unet-trial-001"
    assert list(ran.context.checkpoints.rglob("latest.npz")) == []


def test_a_job_that_makes_progress_survives_any_number_of_deaths(run: Any, tmp_path: Path):
    run("0:creeps", trials=1)
    (trial,) = trials(tmp_path)
    assert (trial.state.name, trial.value, attempts(tmp_path)) == ("COMPLETE", 0.5, [5])
    assert trial.intermediate_values == pytest.approx({n: 0.1 * n for n in range(1, 6)})


def test_out_of_memory_is_told_with_the_batch_size_and_not_met_again(run: Any, tmp_path: Path):
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


def test_a_full_disk_stops_the_study_and_the_same_command_goes_on(run: Any, tmp_path: Path):
    with pytest.raises(UserError) as raised:
        run("1:fills", trials=3)
    words = str(raised.value)
    assert "No space left on device" in words
    assert f"the disk of {tmp_path} has" in words
    assert "MiB free" in words
    assert words.endswith("make room, or mend the disk; the same command goes on")
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    (tmp_path / "room").touch()
    run("1:fills", trials=3)
    assert states(tmp_path) == ["COMPLETE"] * 3
    assert attempts(tmp_path) == [1, 2, 1]


def test_a_database_that_is_gone_is_told_in_a_paragraph(run: Any, tmp_path: Path):
    """The storage is taken away while a trial runs."""

    def take_away(snapshot: StudySnapshot) -> None:
        if any(each.epoch for each in snapshot.running) and tmp_path.exists():
            shutil.move(tmp_path, f"{tmp_path}-away")

    with pytest.raises(UserError) as raised:
        run("all:strolls", watch=take_away)
    shutil.move(f"{tmp_path}-away", tmp_path)
    assert "Traceback" not in str(raised.value)
    assert "bring it back" in str(raised.value)
    assert states(tmp_path) == ["RUNNING"]
