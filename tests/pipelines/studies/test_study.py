"""What a study does around its search: runs are closed rightly, a budget is known when spent."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from faceseg.data.manifest import Manifest
from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.search.leases import study_lock
from pipelines.studies import study
from pipelines.studies.cleanup import close_runs_on_error, fail_lost_runs
from pipelines.tracking import Tracker

NOTHING = Manifest.model_construct(fingerprint="abc", splits={}, image_size=(32, 32), problems=())


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    """A study in MLflow: itself and a trial running, another trial finished."""
    experiment = Experiment.model_validate({"name": "fake", "storage": tmp_path})
    own = {"study": experiment.study}
    run_id = tracker.open_run(experiment_id, "study", {**own, "kind": "study"}, "A study.")
    tracker.open_run(experiment_id, "running", {**own, "kind": "trial", "trial": "0"}, "One.")
    ended = tracker.open_run(experiment_id, "ended", {**own, "kind": "trial", "trial": "1"}, "Two.")
    tracker.end(ended, "FINISHED")
    tracker.open_run(experiment_id, "another's", {"study": "other", "kind": "trial"}, "Three.")
    return StudyContext(experiment, tmp_path, NOTHING, tracker, experiment_id, run_id, "commit1")


def statuses(context: StudyContext) -> dict[str, str]:
    runs = context.tracker.client.search_runs([context.experiment_id])
    return {run.info.run_name: run.info.status for run in runs}


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "KILLED"), (ValueError("broken"), "FAILED")]
)
def test_what_runs_is_closed_when_the_study_stops(
    context: StudyContext, error: BaseException, status: str
):
    with (
        pytest.raises(type(error)),
        close_runs_on_error(context),
    ):
        raise error
    assert statuses(context) == {
        "study": status,
        "running": status,
        "ended": "FINISHED",
        "another's": "RUNNING",
    }


def test_nothing_is_closed_without_an_error(context: StudyContext):
    before = statuses(context)
    with close_runs_on_error(context):
        pass
    assert statuses(context) == before


def test_a_trial_whose_workers_died_is_not_left_running(context: StudyContext):
    fail_lost_runs(context)
    assert statuses(context) == {
        "study": "RUNNING",
        "running": "FAILED",
        "ended": "FINISHED",
        "another's": "RUNNING",
    }
    (lost,) = context.tracker.find_runs(context.experiment_id, state="failed")
    assert lost.data.tags["faceseg.reason"] == "given up: its worker died"


def test_a_study_is_finished_when_it_has_spent_what_is_asked_now(context: StudyContext):
    assert not study.is_finished(context)
    context.tracker.set_tags(context.study_run, done=study.budget(context.experiment))
    assert study.is_finished(context)
    more = context.experiment.search.model_copy(update={"trials": 50})
    asked = context.experiment.model_copy(update={"search": more})
    assert study.budget(asked) == "50 trials, 3 finals"
    assert not study.is_finished(replace(context, experiment=asked))


def test_a_second_driver_of_a_study_is_refused_before_it_changes_anything(context: StudyContext):
    before = statuses(context)
    with (
        study_lock(context.experiment),
        pytest.raises(UserError, match=f"is being run already, by process {os.getpid()}"),
    ):
        study.run(context.experiment, Console(quiet=True))
    assert statuses(context) == before
    assert not (context.experiment.storage / "packs").exists()


def test_a_study_does_not_go_on_with_other_images(context: StudyContext):
    study.require_same_images(context)  # begun just now: nothing to hold it against
    context.tracker.set_tags(context.study_run, data="abc")
    study.require_same_images(context)
    other = replace(context, manifest=NOTHING.model_copy(update={"fingerprint": "xyz"}))
    with pytest.raises(UserError, match=r"fingerprint abc; those found now have xyz"):
        study.require_same_images(other)
    assert statuses(context)["study"] == "FAILED"


def test_a_study_does_not_go_on_with_other_occluders(
    context: StudyContext, monkeypatch: pytest.MonkeyPatch
):
    drawn = iter(["a" * 64, "a" * 64, "b" * 64])
    monkeypatch.setattr(study, "mask_checksum", lambda context, threads: next(drawn))
    study.require_same_masks(context)
    run = context.tracker.client.get_run(context.study_run)
    assert run.data.tags["faceseg.occlusion_masks"] == "a" * 64
    study.require_same_masks(context)
    with pytest.raises(UserError, match=r"checksum is a{12}; this program draws b{12}"):
        study.require_same_masks(context)
    assert statuses(context)["study"] == "FAILED"
