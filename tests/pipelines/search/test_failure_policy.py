"""What follows each failure: retry the job, fail it, or stop the study."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from filelock import Timeout
from ray.exceptions import (
    ActorUnavailableError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)

from faceseg.errors import UserError
from pipelines.search.failure_policy import (
    Decision,
    FailurePolicy,
    Ruling,
    WorkerDeath,
    disk_error_message,
)
from pipelines.search.leases import LeaseLostError, LockHeldError

RETRY, FAIL, STOP = Decision.RETRY, Decision.FAIL, Decision.STOP
POLICY = FailurePolicy(max_deaths=3, max_startup_errors=3, max_startup_deaths=10)
LONG = "ValueError: " + "x" * 600
SQLITE = sqlite3.OperationalError("database or disk is full")


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "latest.npz")


def task_error(cause: Exception) -> RayTaskError:
    return RayTaskError("work", "Traceback", cause, "p", 1, "10.0.0.1")


def held_lock() -> LockHeldError:
    error = LockHeldError("unet-trial-000 is still held by process 7")
    error.__cause__ = Timeout("unet-trial-000.lock")  # an OSError, but not the disk's
    return error


# An error, and the rulings if a job raised it and if another part of a worker did.
ERRORS: dict[str, tuple[Exception, Ruling, Ruling]] = {
    "a defect": (ValueError("it broke"), Ruling(FAIL, "ValueError: it broke"), Ruling(RETRY)),
    "a long message": (ValueError("x" * 600), Ruling(FAIL, LONG[:500]), Ruling(RETRY)),
    "a mistake of the user's": (UserError("no file"), *[Ruling(STOP, "no file")] * 2),
    "a lost lease": (LeaseLostError("lost"), *[Ruling(RETRY, "lost")] * 2),
    "a held lock": (held_lock(), *[Ruling(RETRY, str(held_lock()))] * 2),
    "an error of Ray's": (RayActorError(), *[Ruling(STOP)] * 2),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_in_a_worker(name: str, tmp_path: Path):
    error, of_job, of_worker = ERRORS[name]
    assert POLICY.job_error(error, tmp_path, batch_size=8, out_of_memory=False) == of_job
    assert POLICY.worker_error(error, tmp_path) == of_worker


def test_a_job_that_runs_out_of_memory_fails_with_its_batch_size(tmp_path: Path):
    ruling = POLICY.job_error(MemoryError(), tmp_path, batch_size=16, out_of_memory=True)
    assert ruling == Ruling(FAIL, "out of memory at batch size 16", out_of_memory=True)


@pytest.mark.parametrize("error", [system(errno.ENOSPC), SQLITE, task_error(SQLITE)])
def test_a_full_disk_stops_the_study(error: Exception, tmp_path: Path):
    advice = disk_error_message(error, tmp_path)
    assert POLICY.worker_error(error, tmp_path) == Ruling(STOP, advice or "")
    ruling = POLICY.job_error(error, tmp_path, batch_size=8, out_of_memory=False)
    assert ruling == Ruling(STOP, advice or "")


def test_a_failure_that_cannot_be_written_stops_the_study(tmp_path: Path):
    assert "No space left" in POLICY.unrecorded_failure(system(errno.ENOSPC), tmp_path).reason
    other = OSError(errno.EBADF, "Bad file descriptor")
    assert POLICY.unrecorded_failure(other, tmp_path) == Ruling(STOP, str(other))


# Deaths of a job's workers in a row, whether Ray killed the last one for its memory: the ruling.
@pytest.mark.parametrize(
    ("deaths", "out_of_memory", "ruling"),
    [
        (0, False, Ruling(RETRY)),
        (2, False, Ruling(RETRY)),
        (3, False, Ruling(FAIL, "its worker died 3 times in a row before an epoch was done")),
        (0, True, Ruling(FAIL, "out of memory at batch size 8", out_of_memory=True)),
        (3, True, Ruling(FAIL, "out of memory at batch size 8", out_of_memory=True)),
    ],
)
def test_the_job_of_a_dead_worker(deaths: int, out_of_memory: bool, ruling: Ruling):
    assert POLICY.lost_job(deaths, batch_size=8, out_of_memory=out_of_memory) == ruling


# Of the workers in a row that ended before they took a job: whether they raised an error.
@pytest.mark.parametrize(
    ("failures", "ruling"),
    [
        ([], Ruling(RETRY)),
        ([True] * 2 + [False] * 9, Ruling(RETRY)),
        ([True] * 3, Ruling(STOP, "3 workers in a row could not start")),
        ([False] * 10, Ruling(STOP, "10 workers in a row could not start")),
        ([True] * 3 + [False] * 10, Ruling(STOP, "3 workers in a row could not start")),
    ],
)
def test_workers_that_cannot_start(failures: list[bool], ruling: Ruling):
    assert POLICY.startup(failures) == ruling


LEFT_OUT = "not run: batch size 16 is not smaller than one that ran out of memory"


@pytest.mark.parametrize(
    ("batch_size", "attempt", "ruling"),
    [(8, 0, None), (16, 0, Ruling(FAIL, LEFT_OUT)), (16, 1, None)],
)
def test_a_trial_whose_batch_may_be_too_large(batch_size: int, attempt: int, ruling: Ruling | None):
    assert POLICY.new_trial(batch_size, (8,), attempt) == ruling


@pytest.mark.parametrize(
    ("winners", "finals", "words"),
    [
        ({"unet": "aa", "segnet": "bb"}, {"unet": 2, "segnet": 1}, None),
        (
            {"unet": "aa", "segnet": ""},
            {"unet": 2, "segnet": 0},
            "no trial was completed by segnet:",
        ),
        (
            {"unet": "aa", "segnet": "bb"},
            {"unet": 0, "segnet": 1},
            "no final was completed by unet:",
        ),
    ],
)
def test_a_study_without_a_result_stops(
    winners: dict[str, str], finals: dict[str, int], words: str | None
):
    reasons = {"unet": ["too hot", "too cold"], "segnet": []}
    ruling = POLICY.finished_study(winners, finals, reasons)
    assert (ruling is None) == (words is None)
    if ruling and words:
        why = "all pruned" if "segnet" in words else "too hot, too cold"
        assert ruling.decision is STOP
        assert ruling.reason.startswith(f"{words} {why}. MLflow stores failure.txt")


def test_errors_of_the_coordinator_are_not_the_workers():
    inner = task_error(RayActorError())
    assert POLICY.worker_death(inner).decision is STOP
    own = task_error(RuntimeError("no such card"))
    assert POLICY.worker_death(own) == Ruling(RETRY, "no such card")


# Messages of Ray 2.60.
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
            WorkerDeath(description="Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayActorError(error_msg=MEMORY),
            WorkerDeath(description="Ray killed it to save its node's memory", out_of_memory=True),
        ),
        (
            RayTaskError("work", "Traceback", RuntimeError("no such card"), "p", 1, "10.0.0.1"),
            WorkerDeath(description="no such card", raised=True),
        ),
    ],
)
def test_a_death_is_classified_by_rays_message(error: RayError, death: WorkerDeath):
    assert WorkerDeath.from_error(error) == death


@pytest.mark.parametrize(
    "error",
    [
        *map(system, (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)),
        SQLITE,
        sqlite3.OperationalError("disk I/O error"),
        RuntimeError("results/best.keras; No space left on device"),
    ],
)
def test_the_errors_of_a_full_or_broken_disk_are_recognised(error: Exception, tmp_path: Path):
    words = disk_error_message(error, tmp_path)
    assert words
    assert str(error).splitlines()[0] in words
    assert f"the disk of {tmp_path} has" in words
    assert words.endswith("then re-run the same command to resume")


def test_a_full_disk_is_recognised_below_another_error(tmp_path: Path):
    error = ValueError("the checkpoint was not written")
    error.__cause__ = RuntimeError("no")
    error.__cause__.__context__ = system(errno.ENOSPC)
    assert disk_error_message(error, tmp_path) is not None


def test_a_missing_folder_is_named(tmp_path: Path):
    missing = tmp_path / "missing"
    error = FileNotFoundError(errno.ENOENT, "No such file", "latest.npz")
    words = disk_error_message(error, missing)
    assert words
    assert f"the folder {missing} does not exist" in words
    assert "restore it" in words
    assert disk_error_message(ValueError("it broke"), missing) is None


@pytest.mark.parametrize(
    "error",
    [ValueError("it broke"), FileNotFoundError(errno.ENOENT, "No such file"), MemoryError()],
)
def test_other_errors_are_not_the_disks(error: Exception, tmp_path: Path):
    assert disk_error_message(error, tmp_path) is None
