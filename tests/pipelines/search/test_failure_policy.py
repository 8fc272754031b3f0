"""A full disk and a missing folder are known for what they are, however deep in an error."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from pipelines.search.failure_policy import disk_error_message

SQLITE = sqlite3.OperationalError("database or disk is full")


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "latest.npz")


@pytest.mark.parametrize(
    "error",
    [
        *map(system, (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)),
        SQLITE,
        sqlite3.OperationalError("disk I/O error"),
        RuntimeError("results/best.keras; No space left on device"),
    ],
)
def test_what_a_full_or_broken_disk_raises_is_known(error: Exception, tmp_path: Path):
    words = disk_error_message(error, tmp_path)
    assert words is not None
    assert str(error).splitlines()[0] in words
    assert f"the disk of {tmp_path} has" in words
    assert words.endswith("the same command goes on")


def test_it_is_found_below_another_error(tmp_path: Path):
    error = ValueError("the checkpoint was not written")
    error.__cause__ = RuntimeError("no")
    error.__cause__.__context__ = system(errno.ENOSPC)
    assert disk_error_message(error, tmp_path) is not None


def test_a_folder_that_is_gone_is_named(tmp_path: Path):
    gone = tmp_path / "gone"
    words = disk_error_message(FileNotFoundError(errno.ENOENT, "No such file", "latest.npz"), gone)
    assert words is not None
    assert f"the folder {gone} is not there" in words
    assert "bring it back" in words


@pytest.mark.parametrize(
    "error",
    [ValueError("it broke"), FileNotFoundError(errno.ENOENT, "No such file"), MemoryError()],
)
def test_other_errors_are_none_of_the_disks(error: Exception, tmp_path: Path):
    assert disk_error_message(error, tmp_path) is None


def test_an_error_without_a_folder_is_still_not_the_disks(tmp_path: Path):
    assert disk_error_message(ValueError("it broke"), tmp_path / "gone") is None
