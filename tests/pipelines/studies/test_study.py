"""A study around its search: closing runs, a spent budget, and changes that prevent resuming."""

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
from pipelines.studies import resuming, study
from pipelines.studies.cleanup import close_runs_on_error, fail_lost_runs
from pipelines.tracking import Tracker

NOTHING = Manifest.model_construct(fingerprint="abc", splits={}, image_size=(32, 32), problems=())


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    """A study in MLflow: its run and one trial's are running, another trial's is finished."""
    experiment = Experiment.model_validate({"name": "fake", "storage": tmp_path})
    own = {"study": experiment.study}
    run_id = tracker.open_run(experiment_id, "study", {**own, "kind": "study"}, "A study.")
    tracker.open_run(experiment_id, "running", {**own, "kind": "trial", "trial": "0"}, "One.")
    ended = tracker.open_run(experiment_id, "ended", {**own, "kind": "trial", "trial": "1"}, "Two.")
    tracker.end(ended, "FINISHED")
    tracker.open_run(experiment_id, "another's", {"study": "other", "kind": "trial"}, "Three.")
    return StudyContext(
        experiment=experiment,
        packs=tmp_path,
        manifest=NOTHING,
        tracker=tracker,
        experiment_id=experiment_id,
        study_run=run_id,
        commit="commit1",
    )


def statuses(context: StudyContext) -> dict[str, str]:
    runs = context.tracker.client.search_runs([context.experiment_id])
    return {run.info.run_name: run.info.status for run in runs}


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "KILLED"), (ValueError("broken"), "FAILED")]
)
def test_running_runs_are_closed_when_the_study_stops(
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


def test_the_run_of_a_lost_trial_is_closed(context: StudyContext):
    fail_lost_runs(context)
    assert statuses(context) == {
        "study": "RUNNING",
        "running": "FAILED",
        "ended": "FINISHED",
        "another's": "RUNNING",
    }
    (lost,) = context.tracker.find_runs(context.experiment_id, state="failed")
    assert lost.data.tags["faceseg.reason"] == "given up: its worker died"


def test_a_study_is_finished_when_it_has_spent_the_present_budget(context: StudyContext):
    assert not study.is_finished(context)
    context.tracker.set_tags(context.study_run, done=study.budget(context.experiment))
    assert study.is_finished(context)
    more = context.experiment.search.model_copy(update={"trials": 50})
    extended = context.experiment.model_copy(update={"search": more})
    assert study.budget(extended) == "50 trials, 3 finals"
    assert not study.is_finished(replace(context, experiment=extended))


def test_a_second_driver_is_refused_before_it_changes_anything(context: StudyContext):
    before = statuses(context)
    with (
        study_lock(context.experiment),
        pytest.raises(UserError, match=f"is already being run by process {os.getpid()}"),
    ):
        study.run(context.experiment, Console(quiet=True))
    assert statuses(context) == before
    assert not (context.experiment.storage / "packs").exists()


def test_a_study_does_not_resume_with_other_images(context: StudyContext):
    resuming.require_same_images(context)  # a new study: nothing to compare with
    context.tracker.set_tags(context.study_run, data="abc")
    resuming.require_same_images(context)
    other = replace(context, manifest=NOTHING.model_copy(update={"fingerprint": "xyz"}))
    with pytest.raises(UserError, match=r"fingerprint abc; the present images have xyz"):
        resuming.require_same_images(other)
    assert statuses(context)["study"] == "FAILED"


def test_a_study_does_not_resume_with_other_occluders(
    context: StudyContext, monkeypatch: pytest.MonkeyPatch
):
    checksums = iter(["a" * 64, "a" * 64, "b" * 64])
    monkeypatch.setattr(resuming, "mask_checksum", lambda context, threads: next(checksums))
    resuming.require_same_masks(context)
    run = context.tracker.client.get_run(context.study_run)
    assert run.data.tags["faceseg.occlusion_masks"] == "a" * 64
    resuming.require_same_masks(context)
    with pytest.raises(UserError, match=r"checksum is a{12}; this version draws b{12}"):
        resuming.require_same_masks(context)
    assert statuses(context)["study"] == "FAILED"
