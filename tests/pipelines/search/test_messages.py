"""What the driver says of deaths, of MLflow and of missing room: once, and in plain words."""

from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import (
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from pipelines.search import driver
from pipelines.search.driver import OnceFilter, OutageNotice
from pipelines.search.failure_policy import WorkerDeath
from pipelines.search.worker_pool import CapacityNotice
from pipelines.tracking import DeliveryStatus

# As Ray 2.60 words them.
KILLED = """The actor died unexpectedly before finishing this task.
\tclass_name: Worker
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit \
detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes \
include: (1) the process was killed by the OOM killer due to high memory usage"""
NODE = """The actor died unexpectedly before finishing this task.
The actor died because its node has died. Node Id: efd580056c64
\tthe actor's node was terminated unexpectedly: health check failed"""
MEMORY = """Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1) was 15.2GB / 16.0GB (0.95), which exceeds the threshold"""


@pytest.mark.parametrize(
    ("error", "death"),
    [
        (
            RayActorError(error_msg=KILLED),
            WorkerDeath(
                "its process ended: Worker unexpectedly exits with a connection error code 2. "
                "End of file"
            ),
        ),
        (RayActorError(error_msg=NODE), WorkerDeath("its node died", is_fault=False)),
        (
            RayActorError(error_msg="gone", preempted=True),
            WorkerDeath("its node died", is_fault=False),
        ),
        (
            ActorUnavailableError("Socket closed", b"0" * 16),
            WorkerDeath("it cannot be reached", is_fault=False),
        ),
        (
            OutOfMemoryError(MEMORY),
            WorkerDeath("Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayActorError(error_msg=MEMORY),
            WorkerDeath("Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayTaskError("work", "Traceback", RuntimeError("no such card"), "p", 1, "10.0.0.1"),
            WorkerDeath("no such card", raised=True),
        ),
    ],
)
def test_a_death_is_read_from_rays_words(error: RayError, death: WorkerDeath):
    assert WorkerDeath.from_error(error) == death


class FakeSender:
    """What waits, as told."""

    def __init__(self) -> None:
        self.now = DeliveryStatus()

    def waiting(self) -> DeliveryStatus:
        return self.now


def test_mlflow_away_and_back_is_told_once_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(driver, "OUTAGE_POLL_INTERVAL", 0.0)
    sender = FakeSender()
    tracker = SimpleNamespace(uri="http://me:secret@host:5000")
    context: Any = SimpleNamespace(tracker=tracker, outboxes="results/outbox/fake")
    outage = OutageNotice(context, sender)  # type: ignore[arg-type]
    assert outage.messages() == []
    sender.now = DeliveryStatus(
        records=3, runs=2, since=1_700_000_000.0, error="connection refused"
    )
    (line,) = outage.messages()
    assert line.startswith("MLflow at http://me:***@host:5000 does not answer since ")
    assert "(connection refused)" in line
    assert line.endswith("training goes on, 3 records wait in results/outbox/fake")
    assert outage.messages() == []
    sender.now = DeliveryStatus(records=3)
    assert "answers again" in outage.messages()[0]
    assert outage.messages() == []


def test_workers_without_room_are_told_when_late_and_when_they_have_it(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(driver, "time", clock)
    room, now = CapacityNotice(4), 100.0
    assert room.news([99.0, 80.0]) == []  # one second and twenty: they may just be starting
    now = 120.0
    assert room.news([99.0, 80.0])[0].startswith("1 of 4 workers wait for room")
    assert room.news([99.0, 80.0]) == []
    now = 140.0
    assert room.news([99.0, 80.0])[0].startswith("2 of 4 workers wait for room")
    assert room.news([99.0]) == []
    assert room.news([]) == ["all workers have room again"]
    assert room.news([]) == []


def test_a_line_comes_through_once():
    once = OnceFilter()
    assert [once.new_lines(["a"]), once.new_lines(["a", "b"]), once.new_lines(["b"])] == [
        ["a"],
        ["b"],
        [],
    ]
