"""The tracker on a real MLflow store: runs are found again, and no value is stored twice."""

import math
import pickle
import shutil
import socket
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from faceseg.errors import UserError
from pipelines.tracking.tracker import Tracker
from pipelines.tracking.values import flatten
from tests.pipelines.mlflow_runs import open_run

IDENTITY = {"study": "s-1", "kind": "trial", "architecture": "unet", "trial": "0"}


@pytest.fixture
def run_id(tracker: Tracker, experiment_id: str) -> str:
    return open_run(tracker, experiment_id, "unet-trial-000", IDENTITY, "A trial.")


def history(tracker: Tracker, run_id: str, key: str) -> list[Metric]:
    return list(tracker.client.get_metric_history(run_id, key))


def test_an_experiment_is_created_once(tracker: Tracker, experiment_id: str, tmp_path: Path):
    assert tracker.experiment(tmp_path.name, tmp_path / "other") == experiment_id
    stored = tracker.client.get_experiment(experiment_id)
    assert stored.artifact_location == (tmp_path / "other").as_uri()


def test_no_secret_is_stored(tracker: Tracker, run_id: str):
    """A library's error or a setting may repeat the address of a database or a server."""
    address = "postgresql://me:ge/heim@host/x?password=geheim"
    tracker.set_tags(run_id, reason=f"no answer from {address}")
    tracker.log_params(run_id, {"tracking": {"database": address}})
    tracker.log_dataset(run_id, "photos", "0" * 12, source=address)
    stored = str(tracker.client.get_run(run_id).to_dictionary())
    assert stored.count("postgresql://me:***@host/x?password=***") == 3
    assert "heim" not in stored


def test_the_error_about_a_deleted_experiment_has_advice(
    tracker: Tracker, experiment_id: str, tmp_path: Path
):
    tracker.client.delete_experiment(experiment_id)
    with pytest.raises(UserError, match=r"was deleted; restore it .* or give .* another name"):
        tracker.experiment(tmp_path.name, tmp_path)


def test_a_server_that_does_not_run_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "restored by monkeypatch after Tracker sets it")
    with socket.socket() as unused:  # bound and not listening: no other process takes the port
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UserError, match=f"MLflow at {address} does not respond"):
            Tracker(address).experiment("any", tmp_path)


def test_an_unknown_kind_of_store_is_reported(tmp_path: Path):
    with pytest.raises(UserError, match="MLflow at foo://bar cannot be used"):
        Tracker("foo://bar").experiment("any", tmp_path)


def test_a_run_is_found_again_by_its_tags(tracker: Tracker, experiment_id: str, run_id: str):
    tracker.end(run_id, "KILLED")
    assert open_run(tracker, experiment_id, "any name", IDENTITY, "another description") == run_id
    run = tracker.client.get_run(run_id)
    assert run.info.status == "RUNNING"
    assert run.info.run_name == "unet-trial-000"
    assert run.data.tags["mlflow.note.content"] == "A trial."
    assert {key: run.data.tags[f"faceseg.{key}"] for key in IDENTITY} == IDENTITY


def test_another_identity_is_another_run(tracker: Tracker, experiment_id: str, run_id: str):
    other = open_run(tracker, experiment_id, "x", {**IDENTITY, "trial": "1"}, "Another.")
    assert other != run_id
    assert [run.info.run_id for run in tracker.find_runs(experiment_id, study="s-1")] == [
        run_id,
        other,
    ]
    found = tracker.find_runs(experiment_id, study="s-1", trial="1")
    assert [run.info.run_id for run in found] == [other]


def test_a_child_run_has_its_parents_id(tracker: Tracker, experiment_id: str, run_id: str):
    child = open_run(tracker, experiment_id, "c", {"study": "c"}, "A child.", parent=run_id)
    assert tracker.client.get_run(child).data.tags["mlflow.parentRunId"] == run_id
    assert "mlflow.parentRunId" not in tracker.client.get_run(run_id).data.tags


def test_an_epoch_sent_twice_is_stored_once(tracker: Tracker, run_id: str):
    for _ in range(2):
        for epoch in (1, 2):
            tracker.log_metrics(run_id, {"val/iou": 0.1 * epoch}, epoch, at=1000.0 + epoch)
    points = [
        (each.step, each.value, each.timestamp) for each in history(tracker, run_id, "val/iou")
    ]
    assert points == [(1, 0.1, 1_001_000), (2, 0.2, 1_002_000)]


def test_values_that_are_not_finite_are_left_out(tracker: Tracker, run_id: str):
    tracker.log_metrics(run_id, {"nan": math.nan, "infinite": math.inf, "one": 1}, step=3)
    assert tracker.client.get_run(run_id).data.metrics == {"one": 1.0}


def test_more_values_than_one_call_accepts(tracker: Tracker, run_id: str):
    """MLflow accepts 1,000 metrics or 100 params in one call."""
    values = {f"metric/{number}": float(number) for number in range(2001)}
    tracker.log_metrics(run_id, values)
    tracker.log_params(run_id, {f"param/{number}": number for number in range(201)})
    data = tracker.client.get_run(run_id).data
    assert data.metrics == values
    assert data.params == {f"param/{number}": str(number) for number in range(201)}


def test_final_values_are_logged_once(tracker: Tracker, run_id: str):
    """A job that is finished a second time measures other times; the first ones are kept."""
    tracker.log_once(run_id, {"latency": 5.0}, at=1.0)
    tracker.log_once(run_id, {"latency": 6.0, "iou": 0.5}, at=1.0)
    assert [each.value for each in history(tracker, run_id, "latency")] == [5.0]
    assert tracker.client.get_run(run_id).data.metrics == {"latency": 5.0, "iou": 0.5}


def test_nested_params_have_dotted_names(tracker: Tracker, run_id: str):
    values = {"epochs": 3, "augmentation": {"flip": True, "by": {"degrees": 10.0}}, "none": {}}
    tracker.log_params(run_id, values)
    tracker.log_params(run_id, values)  # a resumed run logs the same
    assert tracker.client.get_run(run_id).data.params == {
        "epochs": "3",
        "augmentation.flip": "True",
        "augmentation.by.degrees": "10.0",
    }
    assert dict(flatten({"a": {"b": 1}, "c": 2})) == {"a.b": 1, "c": 2}


def test_a_param_beyond_mlflows_length_is_truncated(tracker: Tracker, run_id: str):
    tracker.log_params(run_id, {"long": "x" * 7000})
    assert tracker.client.get_run(run_id).data.params["long"] == "x" * 6000


def test_tags_are_text_with_the_prefix(tracker: Tracker, run_id: str):
    tracker.set_tags(run_id, attempt=2, seed=7)
    tracker.set_tags(run_id, attempt=3)
    tags = tracker.client.get_run(run_id).data.tags
    assert (tags["faceseg.attempt"], tags["faceseg.seed"]) == ("3", "7")


def test_the_data_set_is_attached_once(tracker: Tracker, run_id: str):
    for _ in range(2):
        tracker.log_dataset(run_id, "drawn", "f" * 40, counts={"train": 4}, left_out=0)
    (found,) = tracker.client.get_run(run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("drawn", "f" * 12)
    assert found.dataset.profile == '{"counts": {"train": 4}, "left_out": 0}'


def test_files_become_artifacts_and_are_downloaded(tracker: Tracker, run_id: str, tmp_path: Path):
    with tracker.files(run_id) as folder:
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "best.keras").write_bytes(b"weights")
        (folder / "history.csv").write_text("epoch\n1\n")
    assert not folder.exists()
    found = tracker.fetch(run_id, "checkpoints/best.keras", tmp_path)
    assert found.read_bytes() == b"weights"
    assert tracker.fetch(run_id, "history.csv", tmp_path).read_text() == "epoch\n1\n"


def test_files_of_a_failed_context_are_not_logged(tracker: Tracker, run_id: str):
    def write_half() -> None:
        with tracker.files(run_id) as folder:
            (folder / "half.csv").write_text("1")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_half()
    assert tracker.client.list_artifacts(run_id) == []


def test_the_error_about_a_missing_artifact_names_it(tracker: Tracker, run_id: str, tmp_path: Path):
    with pytest.raises(UserError, match=f"run {run_id} has no artifact 'nothing.csv'"):
        tracker.fetch(run_id, "nothing.csv", tmp_path)


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_ends_with_the_given_status(tracker: Tracker, run_id: str, status: str):
    tracker.end(run_id, status)
    info = tracker.client.get_run(run_id).info
    assert info.status == status
    assert info.end_time is not None


def test_a_tracker_is_pickled_as_its_address(tracker: Tracker):
    assert tracker.client is not None
    unpickled = pickle.loads(pickle.dumps(tracker))  # noqa: S301  # bytes of this test, as Ray sends them
    assert unpickled == tracker
    assert unpickled.__dict__ == {"uri": tracker.uri}


def test_all_runs_are_found_on_several_pages(
    tracker: Tracker, experiment_id: str, monkeypatch: pytest.MonkeyPatch
):
    for number in range(5):
        open_run(tracker, experiment_id, "r", {"study": "p", "trial": str(number)}, "One.")
    search = tracker.client.search_runs
    monkeypatch.setattr(
        tracker.client,
        "search_runs",
        lambda *arguments, **options: search(*arguments, max_results=2, **options),
    )
    found = tracker.find_runs(experiment_id, study="p")
    assert [run.data.tags["faceseg.trial"] for run in found] == ["0", "1", "2", "3", "4"]


def test_the_runs_of_all_experiments_are_found_on_several_pages(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Images of a run that is not found are deleted by `faceseg clean`."""
    study = tmp_path.name
    runs = [
        open_run(tracker, tracker.experiment(f"{study}-{each}", tmp_path), "r", tags, "One")
        for each in range(3)
        for tags in ({"study": study, "trial": "0"}, {"study": study, "trial": "1"})
    ]
    for name in ("search_runs", "search_experiments"):
        search = getattr(tracker.client, name)
        monkeypatch.setattr(tracker.client, name, partial(search, max_results=2))
    assert [run.info.run_id for run in tracker.all_runs(study=study)] == runs
    assert [run.info.run_id for run in tracker.all_runs(study=study, trial="1")] == runs[1::2]


def test_an_error_of_the_database_is_raised_and_not_printed(
    tracker: Tracker, run_id: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    """The table is missing: for SQLAlchemy, that is the same error as a full disk."""
    copy = tmp_path / "damaged.db"  # other tests use the store itself
    shutil.copy(tracker.uri.removeprefix("sqlite:///"), copy)
    damaged = Tracker(f"sqlite:///{copy}")
    damaged.set_tags(run_id, any="other")  # MLflow makes missing tables when it opens a store
    with sqlite3.connect(copy) as database:
        database.execute("drop table tags")
    database.close()
    with pytest.raises(MlflowException, match="no such table"):
        damaged.set_tags(run_id, any="thing")
    assert capfd.readouterr() == ("", "")
