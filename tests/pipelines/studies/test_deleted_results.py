"""A study whose runs or finals were deleted in MLflow."""

from dataclasses import replace

from pipelines.config import Experiment
from pipelines.job.context import StudyContext
from pipelines.studies import recovery
from pipelines.studies.budget import budget
from tests.pipelines.mlflow_runs import open_run

from .stored_study import is_finished, statuses, study_run


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
    context.tracker.set_tags(context.study_run, done=budget(context.experiment))
    winners = {f"winner.{name}": "w1nner" for name in context.experiment.networks}
    context.tracker.set_tags(context.study_run, **winners)
    identity = {"study": context.experiment.study, "kind": "final", "winner": "w1nner"}
    for architecture in ("unet", "pspnet"):
        for number in range(3):
            final = identity | {"architecture": architecture, "trial": str(number)}
            run = open_run(context.tracker, context.experiment_id, "final", final)
            context.tracker.set_tags(run, state="failed")

    run = study_run(context)
    (message,), finished = recovery.recover_finals(context, run, finished=True)

    assert message == (
        "MLflow has lost results of this finished study: segnet-final-000, segnet-final-001, "
        "segnet-final-002"
    )
    assert not finished
    assert not is_finished(context)
    assert recovery.recover_finals(context, run, finished=False) == ([], False)


def test_no_final_is_lost_that_a_failed_final_prevents(context: StudyContext):
    changes = {"ensemble": True, "distil": {"student": "segnet", "teacher": "ensemble"}}
    content = context.experiment.model_dump(mode="json") | changes
    content["finals"]["mirrored"] = True
    context = replace(context, experiment=Experiment.model_validate(content))
    networks = context.experiment.networks
    context.tracker.set_tags(context.study_run, done=budget(context.experiment))
    winners = {f"winner.{name}": "w1nner" for name in networks}
    context.tracker.set_tags(context.study_run, **winners)
    for architecture in networks:
        for number in range(3):
            identity = {
                "study": context.experiment.study,
                "kind": "final",
                "winner": "w1nner",
                "architecture": architecture,
                "trial": str(number),
            }
            run = open_run(context.tracker, context.experiment_id, "final", identity)
            context.tracker.set_tags(run, state="failed")

    found = recovery.recover_finals(context, study_run(context), finished=True)

    assert found == ([], True)
