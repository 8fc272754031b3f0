"""The driver's messages about MLflow's outages and missing room: once each."""

from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.search import driver, worker_pool
from pipelines.search.driver import OnceFilter, OutageNotice
from pipelines.search.worker_pool import CapacityNotice
from pipelines.tracking import DeliveryStatus


class FakeSender:
    """Returns the status that the test has set."""

    def __init__(self) -> None:
        self.now = DeliveryStatus()

    def status(self) -> DeliveryStatus:
        return self.now


def test_an_outage_of_mlflow_and_its_end_are_reported_once_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(driver, "OUTAGE_POLL_INTERVAL", 0.0)
    sender = FakeSender()
    tracker = SimpleNamespace(uri="http://me:secret@host:5000")
    context: Any = SimpleNamespace(tracker=tracker, outboxes="results/outbox/fake")
    outage = OutageNotice(context=context, sender=sender)  # type: ignore[arg-type]
    assert outage.messages() == []
    sender.now = DeliveryStatus(
        records=3, runs=2, since=1_700_000_000.0, error="connection refused"
    )
    (line,) = outage.messages()
    assert line.startswith("MLflow at http://me:***@host:5000 has accepted no record since ")
    assert "(connection refused)" in line
    assert line.endswith("training continues, 3 records wait in results/outbox/fake")
    assert outage.messages() == []
    sender.now = DeliveryStatus(records=3)
    assert "accepts records again" in outage.messages()[0]
    assert outage.messages() == []


def test_missing_room_is_reported_after_a_while_and_when_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(worker_pool, "time", clock)
    notice, now = CapacityNotice(4), 100.0
    assert notice.messages([99.0, 80.0]) == []  # after 1 s and 20 s they may still be starting
    now = 120.0
    assert notice.messages([99.0, 80.0])[0].startswith("1 of 4 workers wait for room")
    assert notice.messages([99.0, 80.0]) == []
    now = 140.0
    assert notice.messages([99.0, 80.0])[0].startswith("2 of 4 workers wait for room")
    assert notice.messages([99.0]) == []
    assert notice.messages([]) == ["all workers have room again"]
    assert notice.messages([]) == []


def test_a_line_passes_once():
    once = OnceFilter()
    assert [once.new_lines(["a"]), once.new_lines(["a", "b"]), once.new_lines(["b"])] == [
        ["a"],
        ["b"],
        [],
    ]
