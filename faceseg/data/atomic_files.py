"""Files that are complete or absent, whatever ends the program while they are written."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def write_atomically(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together; their folders are made.

    No file takes its place before all are written, so that a full disk changes none of them. Only
    a kill leaves something else: hidden files whose names end in `.unfinished`.

    Args:
        files: The content of each file, by its path.

    Raises:
        OSError: A file cannot be written; its `filename` is the path that was given.
    """
    written: dict[Path, Path] = {}
    try:
        for number, (path, content) in enumerate(files.items()):
            with _naming(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                # A name of its own, not one made from the file's: names have a limit.
                written[path] = path.with_name(f".{os.getpid()}-{number}.unfinished")
                written[path].write_bytes(content)
        for path, unfinished in written.items():
            with _naming(path):
                unfinished.replace(path)
    finally:
        for unfinished in written.values():
            with suppress(OSError):  # a file system that is read-only refuses even what is absent
                unfinished.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give an error the name of the file; that of a full disk has none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
