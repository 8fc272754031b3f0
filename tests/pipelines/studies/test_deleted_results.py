"""A study whose runs or finals were deleted in MLflow."""

from pathlib import Path

import pytest

from faceseg.data.manifest import Manifest
from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.studies import recovery, study
from pipelines.tracking import Tracker
from tests.pipelines.mlflow_runs import open_run

NOTHING = Manifest.model_construct(fingerprint="abc", splits={}, image_size=(32, 32), problems=())


@pytest.fixture
def context(tracker: Tracker, experiment_id: str, tmp_path: Path) -> StudyContext:
    """A study in MLflow: its run and one trial's are running, another trial's is finished."""
    experiment = Experiment.model_validate({"name": "fake", "storage": tmp_path})
    own = {"study": experiment.study}
    run_id = open_run(tracker, experiment_id, "study", {**own, "kind": "study"}, "A study.")
    open_run(tracker, experiment_id, "running", {**own, "kind": "trial", "trial": "0"}, "One.")
    ended = open_run(
        tracker, experiment_id, "ended", {**own, "kind": "trial", "trial": "1"}, "Two."
    )
    tracker.end(ended, "FINISHED")
    open_run(tracker, experiment_id, "another's", {"study": "other", "kind": "trial"}, "Three.")
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


def test_deleted_runs_are_restored_unless_they_were_made_again(context: StudyContext):
    client = context.tracker.client
    runs = {
        run.info.run_name: run.info.run_id for run in client.search_runs([context.experiment_id])
    }
    for name in ("study", "ended", "another's"):
        client.delete_run(runs[name])
    again = open_run(
        context.tracker,
        context.experiment_id,
        "ended",
        {"study": context.experiment.study, "kind": "trial", "trial": "1"},
    )

    arguments = context.tracker, context.experiment_id, context.experiment.study
    (message,) = recovery.restore_runs(*arguments)

    assert message.startswith("restored runs that were deleted in MLflow: study. ")
    assert statuses(context).keys() == {"study", "running", "ended"}
    assert again in {run.info.run_id for run in client.search_runs([context.experiment_id])}
    assert recovery.restore_runs(*arguments) == []


def test_a_finished_study_that_lost_finals_is_not_finished(context: StudyContext):
    context.tracker.set_tags(context.study_run, done=study.budget(context.experiment))
    winners = {f"winner.{name}": "w1nner" for name in context.experiment.networks}
    context.tracker.set_tags(context.study_run, **winners)
    identity = {"study": context.experiment.study, "kind": "final", "winner": "w1nner"}
    for architecture in ("unet", "pspnet"):
        for number in range(3):
            final = identity | {"architecture": architecture, "trial": str(number)}
            run = open_run(context.tracker, context.experiment_id, "final", final)
            context.tracker.set_tags(run, state="failed")

    (message,) = recovery.recover_finals(context, finished=True)

    assert message == (
        "MLflow has lost results of this finished study: segnet-final-000, segnet-final-001, "
        "segnet-final-002"
    )
    assert not study.is_finished(context)
    assert recovery.recover_finals(context, finished=False) == []
