"""The state of studies: killed, running, finished, and with a higher budget."""

import json
import os
import time
from pathlib import Path

import optuna
import pytest

from pipelines.config import Experiment
from pipelines.search.database import open_storage
from pipelines.search.leases import ATTRIBUTE, Lease, study_lock
from pipelines.search.purse import BUDGET_END
from pipelines.storage.study_state import JobCounts, read_states
from tests.pipelines.conftest import RunFaceseg

STUDY = "earlier-821c85a1"


def counts(*, waiting: int, complete: int = 0, pruned: int = 0, running: int = 0) -> JobCounts:
    return JobCounts(complete=complete, pruned=pruned, failed=0, running=running, waiting=waiting)


def test_a_killed_study_is_unfinished_and_its_interrupted_trial_waits(killed: Experiment):
    database = killed.storage / "optuna.db"
    before = database.read_bytes()
    (state,) = read_states(killed)
    assert (state.study, state.experiment, state.state) == (STUDY, "earlier", "unfinished")
    assert state.networks["segnet"].trials == counts(complete=1, waiting=1)
    assert state.networks["segnet"].best_val_iou == pytest.approx(0.0216, abs=1e-4)
    assert state.networks["unet"].trials == counts(waiting=2)
    assert state.networks["unet"].finals == counts(waiting=2)
    assert (state.running, state.undelivered, state.report) == ((), 1, "")
    assert database.read_bytes() == before


def test_while_a_driver_holds_the_lock_its_own_trials_run(killed: Experiment):
    """The trial of the driver that was killed runs no more; one that was assigned now does."""
    with study_lock(killed):
        (state,) = read_states(killed)
        assert state.state == "running"
        assert state.driver.startswith("process ")
        assert state.running == ()
        storage = open_storage(killed.search_database)
        study = optuna.load_study(study_name=f"{STUDY}/segnet/search", storage=storage)
        trial = next(each for each in study.trials if each.state == optuna.trial.TrialState.RUNNING)
        lease = Lease(worker="session/worker-1", attempt=2, since=time.time() + 1)
        storage.set_trial_user_attr(trial._trial_id, ATTRIBUTE, lease.as_attribute())
        (state,) = read_states(killed)
        storage.engine.dispose()
    assert [(job.job, job.epoch) for job in state.running] == [("segnet-trial-001", 2)]
    assert state.networks["segnet"].trials == counts(complete=1, running=1, waiting=0)


def test_a_finished_study_has_a_report_and_more_trials_make_it_unfinished(
    finished: Experiment, run_faceseg: RunFaceseg
):
    report = finished.storage / "earlier" / "comparison.html"
    report.parent.mkdir()
    report.touch()
    code, out = run_faceseg("status", "--storage", finished.storage, "--json")
    (state,) = json.loads(out)
    assert (code, state["state"], state["report"]) == (0, "finished", str(report))
    assert state["networks"]["unet"]["finals"] == {
        "complete": 2, "pruned": 0, "failed": 0, "running": 0, "waiting": 0
    }  # fmt: skip
    arguments = (f"--set=storage={finished.storage}", "--set=search.trials=5")
    code, out = run_faceseg("status", finished.storage.parent / "earlier.yaml", *arguments)
    assert code == 0
    assert f"{STUDY}: unfinished" in out
    assert "1 complete, 1 pruned, 3 waiting" in out
    assert "re-run its `faceseg study` command to resume" in out


def test_a_search_that_its_budget_ended_has_no_waiting_trials(
    finished: Experiment, run_faceseg: RunFaceseg
):
    storage = open_storage(finished.search_database)
    for network in ("unet", "segnet"):
        study = optuna.load_study(study_name=f"{STUDY}/{network}/search", storage=storage)
        study.set_user_attr(BUDGET_END, {"terms": {"cpu_hours": 3.0}, "words": "spent"})
    storage.engine.dispose()
    arguments = (f"--set=storage={finished.storage}", "--set=search.trials=5")
    budget = "--set=search.budget.cpu_hours=3"
    code, out = run_faceseg("status", finished.storage.parent / "earlier.yaml", *arguments, budget)
    assert code == 0
    assert f"{STUDY}: finished" in out
    assert "waiting" not in out
    code, out = run_faceseg(
        "status", finished.storage.parent / "earlier.yaml", *arguments, budget.replace("3", "4")
    )
    assert "3 waiting" in out  # a larger budget opens the search again


@pytest.mark.parametrize(
    "damage",
    [b"caf\xe9: 1\n", b"a: [", b"- 1\n", b"seed: 99999999999999999999999\n", b"x" * 2_000_000],
)
def test_a_study_whose_logged_experiment_is_damaged_has_no_known_budget(
    damage: bytes, finished: Experiment
):
    for file in finished.storage.glob("artifacts/*/artifacts/experiment.yaml"):
        file.write_bytes(damage)
    other = finished.model_copy(update={"name": "other"})
    (state,) = read_states(other)
    assert (state.study, state.state) == (STUDY, "finished")
    assert {each.finals.waiting for each in state.networks.values()} == {None}


def test_studies_of_other_programs_in_the_same_database_are_passed_over(killed: Experiment):
    storage = open_storage(killed.search_database)
    for name in ("no-name-1", "a/b", "a/b/c", "a/b/c/search"):
        study = optuna.create_study(study_name=name, storage=storage)
        study.ask().set_user_attr("number", "no number")
    storage.engine.dispose()
    assert [state.study for state in read_states(killed)] == [STUDY]


@pytest.mark.parametrize("verb", ["status", "clean"])
@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (os.fsdecode(b"caf\xe9"), "error: --storage: caf\\xe9 is not UTF-8; rename it"),
        ("~no-such-user/x", "error: --storage: ~no-such-user/x begins with a home folder that"),
    ],
)
def test_a_storage_that_is_not_valid_is_named(
    verb: str, storage: str, words: str, run_faceseg: RunFaceseg
):
    code, out = run_faceseg(verb, "--storage", storage)
    assert code == 2
    assert out.startswith(words)


def test_nothing_is_created_where_no_study_is(tmp_path: Path, run_faceseg: RunFaceseg):
    empty = tmp_path / "empty"
    code, out = run_faceseg("status", "quickstart", f"--set=storage={empty}")
    assert (code, out) == (0, f"{empty} does not contain study quickstart-ce1b1b92 yet\n")
    assert not empty.exists()
    code, out = run_faceseg("status", "quickstart", f"--storage={empty}")
    assert (code, out.startswith("error: --storage is for a call without an experiment")) == (
        2,
        True,
    )
    code, out = run_faceseg("status", "--set=search.trials=1")
    assert (code, out.startswith("error: --set changes an experiment, and none is given")) == (
        2,
        True,
    )
