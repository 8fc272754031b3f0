"""A file system of 64 MiB that needs no privileges: a tmpfs in a separate user namespace.

Processes inside the namespace use it under its own path, others under `view`. It is removed with
the process that holds the namespace. On machines that do not allow such namespaces,
FACESEG_SMALL_DISK may contain a folder on a small file system.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIZE = "64m"
FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """A small file system.

    Attributes:
        folder: Its path inside the namespace.
        view: The prefix of its path outside the namespace.
        enter: The words that run a command inside the namespace.
    """

    folder: Path
    view: Path
    enter: tuple[str, ...]

    @property
    def host_path(self) -> Path:
        """The path outside the namespace. sqlite cannot use it, because it resolves links."""
        return self.view / self.folder.relative_to("/")

    def copy(self, root: Path) -> Path:
        """Copy the files except the filler to the same path below `root`; return the folder."""
        target = root / self.folder.relative_to("/")
        shutil.copytree(self.host_path, target, ignore=shutil.ignore_patterns(FILLER))
        return target

    def fill(self) -> None:
        """Fill the file system completely."""
        with (self.host_path / FILLER).open("ab", buffering=0) as stream:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        stream.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        """Remove the filler."""
        (self.host_path / FILLER).unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small file system at `folder`; skip the test where that is not allowed."""
    if folder_given := os.environ.get("FACESEG_SMALL_DISK"):
        yield SmallDisk(Path(folder_given), Path("/"), ())
        return
    folder.mkdir()
    script = f'mount -t tmpfs -o size={SIZE} tmpfs "$1" && touch "$1/mounted" && exec sleep 7200'
    holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", script, "sh", str(folder)])
    enter = ("nsenter", "-t", str(holder.pid), "-U", "-m", "--preserve-credentials")
    disk = SmallDisk(folder, Path(f"/proc/{holder.pid}/root"), enter)
    try:
        while not (disk.host_path / "mounted").exists():
            if holder.poll() is not None:
                pytest.skip(
                    "mounting a small file system is not allowed here (unshare -rm): "
                    "set FACESEG_SMALL_DISK to a folder on one"
                )
            time.sleep(0.05)
        yield disk
    finally:
        holder.kill()
        holder.wait()
