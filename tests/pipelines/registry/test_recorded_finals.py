"""Finals whose version or run was deleted in MLflow, on a real store."""

import shutil
from pathlib import Path
from urllib.parse import urlparse

import pytest
from mlflow.entities.model_registry import ModelVersion

from pipelines.job.context import StudyContext
from pipelines.job.job import JobKey
from pipelines.registry.recorded_finals import read_finals, register_again
from tests.pipelines.mlflow_runs import open_run
from tests.pipelines.registry.registered_final import VALUES, final

KEY = JobKey(kind="final", architecture="unet", number=0, winner="winner01")


@pytest.fixture
def run_id(context: StudyContext, final_folder: Path) -> str:
    """Return the run of a complete final that is registered as version 1."""
    _, run_id = final(context, final_folder, "unet", 0, 0.5)
    facts = {"state": "complete", "seed": 7, "data": "abcdef", "commit": "commit1"}
    context.tracker.set_tags(run_id, **facts)
    context.tracker.log_once(run_id, VALUES, at=1.0)
    return run_id


def version(context: StudyContext) -> ModelVersion:
    name = context.experiment.tracking.registered_model
    (found,) = context.tracker.client.search_model_versions(f"name = '{name}'")
    return found


@pytest.mark.parametrize("deleted", ["version", "model"])
def test_a_deleted_version_is_registered_again(context: StudyContext, run_id: str, deleted: str):
    before, client = version(context), context.tracker.client
    assert register_again(context, read_finals(context)) == []
    if deleted == "version":
        client.delete_model_version(before.name, before.version)
    else:
        client.delete_registered_model(before.name)
    assert read_finals(context).recorded == set()

    assert register_again(context, read_finals(context)) == [KEY.label]

    after = version(context)
    assert (after.run_id, after.tags, after.description, after.source) == (
        run_id,
        before.tags,
        before.description,
        before.source,
    )
    assert read_finals(context).recorded == {KEY}


def test_a_version_whose_files_are_lost_cannot_be_registered(context: StudyContext, run_id: str):
    before, client = version(context), context.tracker.client
    client.delete_model_version(before.name, before.version)
    (model,) = client.search_logged_models([context.experiment_id])
    shutil.rmtree(urlparse(model.artifact_location).path)
    assert register_again(context, read_finals(context)) == []
    assert read_finals(context).recorded == set()


def test_a_final_counts_as_recorded_while_its_records_wait(context: StudyContext, run_id: str):
    context.tracker.client.delete_run(run_id)
    assert read_finals(context).recorded == set()
    waiting = context.outboxes / KEY.folder
    waiting.mkdir(exist_ok=True)
    (waiting / "00000001.json").touch()
    assert read_finals(context).recorded == {KEY}


def test_a_waiting_trial_is_no_final_whatever_the_name_of_its_network(context: StudyContext):
    waiting = context.outboxes / JobKey(kind="trial", architecture="unet-final-1", number=0).folder
    waiting.mkdir(parents=True)
    (waiting / "00000001.json").touch()
    assert read_finals(context).recorded == set()


def test_a_failed_final_and_an_ensemble_need_no_version(context: StudyContext):
    expected = set()
    for architecture, state in (("segnet", "failed"), ("ensemble", "complete")):
        key = JobKey(kind="final", architecture=architecture, number=1, winner="winner01")
        identity = {"study": context.experiment.study, "kind": "final", "winner": key.winner}
        identity |= {"architecture": architecture, "trial": "1"}
        run = open_run(context.tracker, context.experiment_id, key.label, identity)
        context.tracker.set_tags(run, state=state)
        expected.add(key)
    assert read_finals(context).recorded == expected
