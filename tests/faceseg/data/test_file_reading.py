"""Files without an end, without a writer, or far too large are not read into memory."""

import os
from pathlib import Path

import pytest

from faceseg.data.file_reading import FileTooLargeError, open_without_waiting, read_at_most


def test_a_file_at_the_limit_is_read(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_at_most(tmp_path / "a", 5) == b"12345"
    with pytest.raises(FileTooLargeError, match="File too large"):
        read_at_most(tmp_path / "a", 4)


@pytest.mark.parametrize("size", [2**40, None], ids=["sparse", "endless"])
def test_what_is_larger_is_not_read(size: int | None, tmp_path: Path):
    path = Path("/dev/zero")
    if size is not None:
        path = tmp_path / "a"
        path.touch()
        os.truncate(path, size)
    with pytest.raises(FileTooLargeError):
        read_at_most(path, 1000)


@pytest.mark.timeout(10)
def test_a_pipe_is_read_and_one_without_a_writer_is_empty(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert read_at_most(tmp_path / "pipe", 100) == b""
    reading, writing = os.pipe()
    os.write(writing, b"written")
    os.close(writing)
    with open(f"/dev/fd/{reading}", "rb", opener=open_without_waiting) as file:
        assert file.read() == b"written"
    os.close(reading)
