"""Records wait on disk and are delivered in order and once, whichever process dies."""

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from faceseg.errors import UserError
from pipelines.tracking import Outbox, RunIdentity, Sender, Tracker, delivery, outbox, sender
from pipelines.tracking.refusals import describe_refusals
from pipelines.tracking.system_metrics import log_system_metrics

from .sent_runs import DATASET, curve, run_of, send


def test_all_records_of_a_run_are_delivered(tracker: Tracker, box: Outbox, tmp_path: Path):
    box.open(DATASET, attempt=1)
    box.params({"epochs": 2, "augmentation": {"flip": True}})
    for epoch in (1, 2):
        box.metrics({"val/iou": 0.25 * epoch, "val/loss": float("nan")}, epoch, at=1000.0 + epoch)
    with box.files() as folder:
        (folder / "history.csv").write_text("epoch\n")
    box.once({"best/val_iou": 0.5}, at=1002.0)
    box.tags(state="complete")
    box.end("FINISHED")
    assert len(outbox.record_paths(box.folder)) == 8
    send(tracker, box)
    run = run_of(tracker, box)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "unet-trial-000"
    assert run.data.params == {"epochs": "2", "augmentation.flip": "True"}
    assert run.data.metrics == {"val/iou": 0.5, "best/val_iou": 0.5}
    assert (run.data.tags["faceseg.state"], run.data.tags["faceseg.attempt"]) == ("complete", "1")
    assert curve(tracker, box, "val/iou") == [(1, 0.25, 1_001_000), (2, 0.5, 1_002_000)]
    assert tracker.fetch(run.info.run_id, "history.csv", tmp_path).read_text() == "epoch\n"
    assert list(box.folder.iterdir()) == []


def test_an_epoch_that_is_trained_and_recorded_again_is_one_point(tracker: Tracker, box: Outbox):
    """A node was lost with its disk: the next attempt trains all epochs again, at other times."""
    box.metrics({"val/iou": 0.2}, 1, at=1000.0)
    send(tracker, box)
    box.metrics({"val/iou": 0.2}, 1, at=2000.0)
    box.metrics({"val/iou": 0.3}, 2, at=2001.0)
    box.once({"latency": 5.0}, at=1.0)
    box.once({"latency": 6.0}, at=2.0)
    send(tracker, box)
    assert curve(tracker, box, "val/iou") == [(1, 0.2, 1_000_000), (2, 0.3, 2_001_000)]
    assert [value for _, value, _ in curve(tracker, box, "latency")] == [5.0]


def test_a_record_whose_confirmation_was_lost_is_not_stored_twice(
    tracker: Tracker, box: Outbox, monkeypatch: pytest.MonkeyPatch
):
    """The server stores each record and dies before it confirms the first delivery."""
    seen: set[str] = set()
    original = delivery.deliver

    def deliver_and_fail(record, *others) -> None:
        original(record, *others)
        if record.path.name not in seen:
            seen.add(record.path.name)
            raise MlflowException("connection reset")

    monkeypatch.setattr(sender, "deliver", deliver_and_fail)
    box.open(DATASET, attempt=1)
    box.metrics({"val/iou": 0.2}, 1)
    for at in (10.0, 20.0):
        box.metrics({"system/cpu": at}, step=None, at=at)
    box.end("FAILED")
    send(tracker, box)
    assert len(seen) == 5
    assert [step for step, _, _ in curve(tracker, box, "val/iou")] == [1]
    assert curve(tracker, box, "system/cpu") == [(0, 10.0, 10_000), (1, 20.0, 20_000)]
    assert len(tracker.client.get_run(run_of(tracker, box).info.run_id).inputs.dataset_inputs) == 1


def test_a_sender_that_dies_after_it_created_the_run_leaves_one_run(
    tracker: Tracker, box: Outbox, monkeypatch: pytest.MonkeyPatch
):
    """No record is marked as sent; another process sends them."""

    def fail(*arguments: object) -> None:
        raise MlflowException("connection reset")

    box.metrics({"val/iou": 0.2}, 1)
    with monkeypatch.context() as patched, Sender(box.folder.parent, tracker) as sending:
        patched.setattr(sender, "deliver", fail)
        while not sending.status().error:
            time.sleep(0.05)
    assert run_of(tracker, box).data.metrics == {}
    send(tracker, box)
    assert run_of(tracker, box).data.metrics == {"val/iou": 0.2}


def test_a_new_run_is_searched_once(tracker: Tracker, box: Outbox, monkeypatch: pytest.MonkeyPatch):
    original, searches = Tracker.find_runs, []

    def search(self: Tracker, *arguments: str, **tags: str) -> list[Run]:
        searches.append(tags)
        return original(self, *arguments, **tags)

    box.metrics({"val/iou": 0.2}, 1)
    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "find_runs", search)
        send(tracker, box)
    assert searches == [box.run.identity]


def test_a_record_that_mlflow_refuses_is_kept_with_the_reason(tracker: Tracker, box: Outbox):
    box.params({"epochs": 2})
    box.params({"epochs": 3})  # a param cannot change
    box.metrics({"val/iou": 0.2}, 1)
    with Sender(box.folder.parent, tracker) as sending:
        assert sending.drain(30)
        assert sending.status().refused == 1
    assert run_of(tracker, box).data.metrics == {"val/iou": 0.2}
    (reason,) = box.folder.glob("*.reason")
    assert "epochs" in reason.read_text()


def test_a_refused_value_does_not_cost_the_others_of_its_record(tracker: Tracker, box: Outbox):
    """MLflow refuses a batch as a whole for one name."""
    scores = {f"val/iou/{name}": 0.5 for name in ("skin", "cheek (left)", "hair", "a//b", "nose")}
    box.metrics(scores, 1, at=1000.0)
    box.once({"test/iou/cheek (left)": 0.25, "test/iou": 0.75}, at=1001.0)
    box.params({"epochs": 2})
    box.params({"epochs": 3, "seed": 4})  # a param cannot change
    box.tags(**{"winner.segnet*": "x", "state": "complete"})
    with Sender(box.folder.parent, tracker) as sending:
        assert sending.drain(30), sending.status()
        assert sending.status().refused == 4
    data = run_of(tracker, box).data
    valid = {"val/iou/skin": 0.5, "val/iou/hair": 0.5, "val/iou/nose": 0.5, "test/iou": 0.75}
    assert data.metrics == valid
    assert data.params == {"epochs": "2", "seed": "4"}
    assert data.tags["faceseg.state"] == "complete"
    message = describe_refusals(box.folder.parent)
    assert "MLflow refused 4 records of this study" in message
    assert "val/iou/cheek (left)" in message
    assert "Names may only contain alphanumerics" in message
    assert "and 1 other reasons" in message


def test_without_refused_records_there_is_no_message(tmp_path: Path):
    assert describe_refusals(tmp_path / "outbox") == ""


def test_empty_outboxes_are_removed(tracker: Tracker, box: Outbox):
    root = box.folder.parent
    box.metrics({"val/iou": 0.2}, 1)
    with Sender(root, tracker) as sending:
        assert sending.drain(30)
        sending.remove_empty_outboxes()
        assert not root.exists()
        box.params({"epochs": 2})
        box.params({"epochs": 3})
        assert sending.drain(30)
        sending.remove_empty_outboxes()
        assert len(list(box.folder.glob("*.refused"))) == 1


def test_files_of_a_failed_context_are_not_recorded(box: Outbox):
    def write_half() -> None:
        with box.files() as folder:
            (folder / "half.csv").write_text("1")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        write_half()
    assert list(box.folder.iterdir()) == []


def test_two_senders_deliver_each_record_once(tracker: Tracker, box: Outbox):
    for step in range(20):
        box.metrics({"val/iou": 0.01 * step}, step)
    with (
        Sender(box.folder.parent, tracker) as first,
        Sender(box.folder.parent, tracker) as second,
    ):
        assert first.drain(30)
        assert second.drain(30)
    assert [step for step, _, _ in curve(tracker, box, "val/iou")] == list(range(20))


class BadGateway(http.server.BaseHTTPRequestHandler):
    """A proxy whose server does not run."""

    def do_GET(self) -> None:
        self.send_error(502)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def bad_gateway() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BadGateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_server_that_does_not_answer_keeps_records_waiting(box: Outbox, bad_gateway: str):
    box.metrics({"val/iou": 0.2}, 1)
    with Sender(box.folder.parent, Tracker(bad_gateway)) as sending:
        assert not sending.drain(2)
        waiting = sending.status()
    assert (waiting.records, waiting.runs) == (1, 1)
    assert waiting.since is not None
    assert "502" in waiting.error
    assert len(outbox.record_paths(box.folder)) == 1


def test_a_locked_database_keeps_records_waiting(
    tracker: Tracker, box: Outbox, monkeypatch: pytest.MonkeyPatch
):
    """The sender's thread survives the error that opening the database raises."""
    original, calls = Tracker.find_or_make_run, []

    def locked_once(self: Tracker, run: RunIdentity) -> str:
        calls.append(run.name)
        if len(calls) == 1:
            raise UserError("MLflow's database mlflow.db is locked by another program")
        return original(self, run)

    monkeypatch.setattr(Tracker, "find_or_make_run", locked_once)
    box.tags(state="complete")
    send(tracker, box)
    assert len(calls) == 2


def test_system_metrics_are_written_to_the_outbox(box: Outbox):
    with log_system_metrics(box, interval=0.05):
        threading.Event().wait(0.4)
    records = [outbox.read_record(path) for path in outbox.record_paths(box.folder)]
    assert records
    assert {each.content["step"] for each in records} == {None}
    assert "system/cpu_utilization_percentage" in records[0].content["values"]
