"""How a worker died, by Ray's error and the message that it contains."""

from types import SimpleNamespace

import pytest
from ray.exceptions import (
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from faceseg.errors import UserError
from pipelines.search import worker_pool
from pipelines.search.worker_death import MemoryPressure, WorkerDeath
from pipelines.search.worker_pool import WorkerHandle, WorkerPool

# Messages of Ray 2.60.
KILLED = """The actor died unexpectedly before finishing this task.
\tclass_name: Worker
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit \
detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes \
include: (1) the process was killed by the OOM killer due to high memory usage"""
NODE = """The actor died unexpectedly before finishing this task.
The actor died because its node has died. Node Id: efd580056c64
\tthe actor's node was terminated unexpectedly: health check failed"""
SAVED = "Ray killed it to save its node's memory"
ACTOR = "70237f17d472ecdafbb52cc601000000"
MEMORY = """2 worker(s) were killed due to the node running low on memory. Memory on the node (IP: \
192.0.2.2, ID: 5924f626e4) was 15.24GB used / 16.00GB limit (0.952500)
OOM kill reason: Memory usage 16363825397B exceeded threshold of 16320875724B (95.0% of limit)
Ray killed 2 worker(s) based on the killing policy
Considered workers: [
Selected to kill: (Actor(1dc9441e35ad5b76fe4065d401000000): job ID=01000000, task name=W.__init__, \
required resources={CPU: 1}, pid=5972, actual memory used=0.04GB, worker ID=8f674f)
Selected to kill: (Actor(70237f17d472ecdafbb52cc601000000): job ID=01000000, task name=W.__init__, \
required resources={CPU: 1}, pid=5971, actual memory used=0.11GB, worker ID=37b1d6)
]"""
MEMORY_OF_EARLIER_RAY = """Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1) was 15.2GB / 16.0GB (0.95), which exceeds the threshold"""


@pytest.mark.parametrize(
    ("error", "death"),
    [
        (
            RayActorError(error_msg=KILLED),
            WorkerDeath(
                description="its process ended: Worker unexpectedly exits with a connection error "
                "code 2. End of file"
            ),
        ),
        (RayActorError(error_msg=NODE), WorkerDeath(description="its node died", is_fault=False)),
        (
            RayActorError(error_msg="gone", preempted=True),
            WorkerDeath(description="its node died", is_fault=False),
        ),
        (
            ActorUnavailableError("Socket closed", b"0" * 16),
            WorkerDeath(description="it cannot be reached", is_fault=False),
        ),
        (
            OutOfMemoryError(MEMORY),
            WorkerDeath(
                description=f"{SAVED}, of which it held 0.1 of 15.2 GiB in use",
                memory=MemoryPressure(own=0.11, used=15.24, workers=2),
            ),
        ),
        (
            RayActorError(error_msg=MEMORY_OF_EARLIER_RAY),
            WorkerDeath(description=SAVED, memory=MemoryPressure(used=15.2)),
        ),
        (
            RayTaskError("work", "Traceback", RuntimeError("no such card"), "p", 1, "10.0.0.1"),
            WorkerDeath(description="no such card", raised=True),
        ),
    ],
)
def test_a_death_is_classified_by_rays_message(error: RayError, death: WorkerDeath):
    assert WorkerDeath.from_error(error, ACTOR) == death


def test_workers_that_are_killed_before_they_take_a_job_stop_the_study_with_advice(
    monkeypatch: pytest.MonkeyPatch,
):
    """Other programs fill the memory; Ray's own message has thirty lines."""
    monkeypatch.setattr(worker_pool, "call_actor", lambda *_: "")
    monkeypatch.setattr(worker_pool.ray, "kill", lambda _: None)
    pool = object.__new__(WorkerPool)
    pool.coordinator, pool._startup_failures = SimpleNamespace(release=None), [False] * 8
    actor = SimpleNamespace(_actor_id=bytes.fromhex(ACTOR))
    handle = WorkerHandle(name="s/worker-9", actor=actor, started=None)
    killed = f"worker-9 died ({SAVED}, of which it held 0.1 of 15.2 GiB in use); it held no job"
    assert pool._handle_death(handle, OutOfMemoryError(MEMORY)) == [killed]
    with pytest.raises(UserError) as raised:
        pool._handle_death(handle, OutOfMemoryError(MEMORY))
    assert str(raised.value).startswith(f"10 workers in a row could not start: {SAVED}")
    assert "free memory on the node, or lower resources.workers" in str(raised.value)
