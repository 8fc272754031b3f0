"""Reading of files whose size is not known: endless ones, pipes, and far too large ones."""

import errno
import os
from pathlib import Path


class FileTooLargeError(OSError):
    """A file that is larger than the caller can use."""

    def __init__(self, path: Path) -> None:
        super().__init__(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def open_without_waiting(path: str, flags: int) -> int:
    """Open a file without blocking; for the argument `opener` of `open`.

    A pipe without a writer reads as empty; `open` alone would wait for a writer, possibly for ever.
    """
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    return descriptor


def read_at_most(path: Path, limit: int) -> bytes:
    """Return the bytes of a file.

    Args:
        path: The file.
        limit: The largest number of bytes; more are not read into memory.

    Raises:
        FileTooLargeError: The file is larger.
        OSError: The file cannot be read.
    """
    with open(path, "rb", opener=open_without_waiting) as file:
        is_small = os.fstat(file.fileno()).st_size <= limit
        if is_small and len(content := file.read(limit + 1)) <= limit:
            return content
    raise FileTooLargeError(path)
