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

from pipelines.search import news
from pipelines.search.news import Death, Once, Outage, Room
from pipelines.tracking import Waiting

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
            Death(
                "its process ended: Worker unexpectedly exits with a connection error code 2. "
                "End of file"
            ),
        ),
        (RayActorError(error_msg=NODE), Death("its node died", is_fault=False)),
        (RayActorError(error_msg="gone", preempted=True), Death("its node died", is_fault=False)),
        (
            ActorUnavailableError("Socket closed", b"0" * 16),
            Death("it cannot be reached", is_fault=False),
        ),
        (
            OutOfMemoryError(MEMORY),
            Death("Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayActorError(error_msg=MEMORY),
            Death("Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayTaskError("work", "Traceback", RuntimeError("no such card"), "p", 1, "10.0.0.1"),
            Death("no such card", raised=True),
        ),
    ],
)
def test_a_death_is_read_from_rays_words(error: RayError, death: Death):
    assert Death.of(error) == death


class FakeSender:
    """What waits, as told."""

    def __init__(self) -> None:
        self.now = Waiting()

    def waiting(self) -> Waiting:
        return self.now


def test_mlflow_away_and_back_is_told_once_each(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(news, "LOOK", 0.0)
    sender = FakeSender()
    tracker = SimpleNamespace(uri="http://me:secret@host:5000")
    context: Any = SimpleNamespace(tracker=tracker, outboxes="results/outbox/fake")
    outage = Outage(context, sender)  # type: ignore[arg-type]
    assert outage.news() == []
    sender.now = Waiting(records=3, runs=2, since=1_700_000_000.0, error="connection refused")
    (line,) = outage.news()
    assert line.startswith("MLflow at http://me:***@host:5000 does not answer since ")
    assert "(connection refused)" in line
    assert line.endswith("training goes on, 3 records wait in results/outbox/fake")
    assert outage.news() == []
    sender.now = Waiting(records=3)
    assert "answers again" in outage.news()[0]
    assert outage.news() == []


def test_workers_without_room_are_told_when_late_and_when_they_have_it(
    monkeypatch: pytest.MonkeyPatch,
):
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(news, "time", clock)
    room, now = Room(4), 100.0
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
    once = Once()
    assert [once.news(["a"]), once.news(["a", "b"]), once.news(["b"])] == [["a"], ["b"], []]
