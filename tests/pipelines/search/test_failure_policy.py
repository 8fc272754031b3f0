"""What follows each failure: retry the job, fail it, or stop the study."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from filelock import Timeout
from ray.exceptions import (
    RayActorError,
    RayTaskError,
)

from faceseg.errors import UserError
from pipelines.search.failure_policy import (
    Decision,
    FailurePolicy,
    Ruling,
    disk_error_message,
)
from pipelines.search.leases import LeaseLostError, LockHeldError
from pipelines.search.worker_death import MemoryPressure, WorkerDeath

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


# Errors that no job can cause, and the ruling wherever a worker raises them.
EXTERNAL: dict[str, tuple[Exception, Ruling]] = {
    "a mistake of the user's": (UserError("no file"), Ruling(STOP, "no file")),
    "a lost lease": (LeaseLostError("lost"), Ruling(RETRY, "lost")),
    "a held lock": (held_lock(), Ruling(RETRY, str(held_lock()))),
    "an error of Ray's": (RayActorError(), Ruling(STOP)),
}


@pytest.mark.parametrize("name", EXTERNAL)
def test_errors_that_no_job_can_cause(name: str, tmp_path: Path):
    error, ruling = EXTERNAL[name]
    assert POLICY.external_error(error, tmp_path) == ruling
    assert POLICY.worker_error(error, tmp_path) == ruling


# An error of a job, whether it is a lack of memory, and the rulings for a trial and for a final.
@pytest.mark.parametrize(
    ("error", "out_of_memory", "of_trial", "of_final"),
    [
        (
            ValueError("it broke"),
            False,
            Ruling(FAIL, "ValueError: it broke"),
            Ruling(RETRY, "ValueError: it broke"),
        ),
        (ValueError("x" * 600), False, Ruling(FAIL, LONG[:500]), Ruling(RETRY, LONG[:500])),
        (
            MemoryError("16 images"),
            True,
            Ruling(FAIL, "out of memory at batch size 16", out_of_memory=True),
            Ruling(RETRY, "MemoryError: 16 images"),
        ),
    ],
)
def test_an_error_fails_a_trial_and_a_final_is_retried(
    error: Exception, out_of_memory: bool, of_trial: Ruling, of_final: Ruling, tmp_path: Path
):
    """The final's settings were trained in the search."""
    assert POLICY.external_error(error, tmp_path) is None
    assert POLICY.worker_error(error, tmp_path) == Ruling(RETRY)
    for final, ruling in ((False, of_trial), (True, of_final)):
        found = POLICY.job_error(error, final=final, batch_size=16, out_of_memory=out_of_memory)
        assert found == ruling


@pytest.mark.parametrize("error", [system(errno.ENOSPC), SQLITE, task_error(SQLITE)])
def test_a_full_disk_stops_the_study(error: Exception, tmp_path: Path):
    advice = disk_error_message(error, tmp_path)
    assert POLICY.worker_error(error, tmp_path) == Ruling(STOP, advice or "")


def test_a_failure_that_cannot_be_written_stops_the_study(tmp_path: Path):
    assert "No space left" in POLICY.unrecorded_failure(system(errno.ENOSPC), tmp_path).reason
    other = OSError(errno.EBADF, "Bad file descriptor")
    assert POLICY.unrecorded_failure(other, tmp_path) == Ruling(STOP, str(other))


CRASH = WorkerDeath(description="its process ended")
TWO_WORKERS = {"used": 15.0, "workers": 2}
LARGE = WorkerDeath(description="Ray killed it", memory=MemoryPressure(own=5.1, **TWO_WORKERS))
SMALL = WorkerDeath(description="Ray killed it", memory=MemoryPressure(own=4.9, **TWO_WORKERS))
UNKNOWN = WorkerDeath(description="Ray killed it", memory=MemoryPressure())
TOO_LARGE = Ruling(FAIL, "out of memory at batch size 8: Ray killed it", out_of_memory=True)
INNOCENT = (
    "Ray killed it; its batch size is not the cause: free memory on the node, or lower "
    "resources.workers"
)
THREE_TIMES = "failed 3 times in a row before an epoch was done: "


# Failures of a job in a row, the last death, whether the batch size has trained: the ruling. Two
# workers and all other programs hold 15 GiB: a third each.
@pytest.mark.parametrize(
    ("deaths", "death", "has_trained", "ruling"),
    [
        (0, CRASH, False, Ruling(RETRY, "its process ended")),
        (2, CRASH, True, Ruling(RETRY, "its process ended")),
        (3, CRASH, False, Ruling(FAIL, f"{THREE_TIMES}its process ended")),
        (1, LARGE, False, TOO_LARGE),
        (1, LARGE, True, Ruling(RETRY, INNOCENT)),
        (1, SMALL, False, Ruling(RETRY, INNOCENT)),
        (1, UNKNOWN, False, Ruling(RETRY, INNOCENT)),
        (3, SMALL, False, Ruling(FAIL, THREE_TIMES + INNOCENT)),
        (3, LARGE, True, Ruling(FAIL, THREE_TIMES + INNOCENT)),
    ],
)
def test_the_job_of_a_dead_worker(
    deaths: int, death: WorkerDeath, has_trained: bool, ruling: Ruling
):
    found = POLICY.lost_job(deaths, death, batch_size=8, has_trained=has_trained)
    assert found == ruling


@pytest.mark.parametrize(
    ("own_fault", "this_session", "decision"),
    [(False, False, RETRY), (False, True, FAIL), (True, False, FAIL), (True, True, FAIL)],
)
def test_a_failed_final(own_fault: bool, this_session: bool, decision: Decision):
    ruling = POLICY.failed_final(own_fault=own_fault, this_session=this_session)
    assert ruling.decision is decision


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
    inner = WorkerDeath.from_error(task_error(RayActorError()))
    assert POLICY.worker_death(inner).decision is STOP
    own = WorkerDeath.from_error(task_error(RuntimeError("no such card")))
    assert POLICY.worker_death(own) == Ruling(RETRY, "no such card")


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
