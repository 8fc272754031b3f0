"""MLflow loses a run while its job writes: the whole run is sent again."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.tracking import Outbox, Sender, Tracker

from .sent_runs import DATASET, curve, run_of

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def own_store(tracker: Tracker, tmp_path: Path) -> Iterator[Path]:
    """A database that a test may delete; the other one is MLflow's default store again."""
    yield tmp_path / "store" / "mlflow.db"
    tracker.open()


def write_first_half(box: Outbox) -> None:
    box.open(DATASET, attempt=1)
    box.params({"epochs": 2})
    box.metrics({"val/iou": 0.25}, 1, at=1001.0)
    box.metrics({"system/cpu": 7.0}, step=None, at=1001.0)


def write_second_half(box: Outbox) -> None:
    box.metrics({"val/iou": 0.5}, 2, at=1002.0)
    box.tags(state="complete")
    box.end("FINISHED")


def assert_complete(tracker: Tracker, box: Outbox) -> None:
    run = run_of(tracker, box)
    assert (run.info.status, run.data.params) == ("FINISHED", {"epochs": "2"})
    assert curve(tracker, box, "val/iou") == [(1, 0.25, 1_001_000), (2, 0.5, 1_002_000)]
    assert run.data.tags["faceseg.attempt"] == "1"
    assert len(run.inputs.dataset_inputs) == 1
    assert list(box.folder.iterdir()) == []


def test_a_run_that_is_deleted_while_its_job_runs_is_sent_again(tracker: Tracker, box: Outbox):
    with Sender(box.folder.parent, tracker) as sending:
        write_first_half(box)
        assert sending.drain(30)
        first = run_of(tracker, box).info.run_id
        tracker.client.delete_run(first)
        write_second_half(box)
        assert sending.drain(30)
        assert sending.status().refused == 0
    assert run_of(tracker, box).info.run_id != first
    assert_complete(tracker, box)


def test_a_run_in_a_database_that_is_replaced_is_sent_again(
    tracker: Tracker, box: Outbox, own_store: Path, tmp_path: Path
):
    """The file is deleted; another process creates a new one, in which the ids are others."""
    name = f"{tmp_path.name}-lost"  # the copied store has the experiments of earlier tests
    own_store.parent.mkdir()
    empty = own_store.with_name("empty.db")
    with (
        closing(sqlite3.connect(tracker.uri.removeprefix("sqlite:///"))) as source,
        closing(sqlite3.connect(empty)) as target,
    ):
        source.backup(target)
    shutil.copy(empty, own_store)
    store = Tracker(f"sqlite:///{own_store}")
    store.experiment(f"{tmp_path.name}-another", tmp_path / "artifacts")
    lost = replace(box, run=replace(box.run, experiment_id=store.experiment(name, tmp_path / "a")))
    with Sender(lost.folder.parent, store) as sending:
        write_first_half(lost)
        assert sending.drain(30)
        for file in own_store.parent.glob(f"{own_store.name}*"):  # with SQLite's journal, if any
            file.unlink()
        shutil.copy(empty, own_store)
        write_second_half(lost)
        while "No Experiment with id" not in sending.status().error:
            time.sleep(0.05)
    assert Tracker(store.uri).find_runs(lost.run.experiment_id) == []

    present = store.experiment(name, tmp_path / "a")
    assert present != lost.run.experiment_id
    with Sender(lost.folder.parent, store, present) as sending:
        assert sending.drain(30), sending.status()
    assert_complete(store, replace(lost, run=replace(lost.run, experiment_id=present)))
