"""A file system of 64 MiB that anybody may make: a tmpfs in a user namespace of its own.

What is mounted there is seen by the processes put in there, by others under `view`, and is gone
with the process that holds it. FACESEG_SMALL_DISK may name a folder on a small file system
instead, for machines that allow no such namespaces.
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
    """folder: its place; view: before it, for who is outside; enter: puts a command inside."""

    folder: Path
    view: Path
    enter: tuple[str, ...]

    @property
    def host_path(self) -> Path:
        """Return the folder as it is seen from here. sqlite does not see it: it reads links."""
        return self.view / self.folder.relative_to("/")

    def copy(self, root: Path) -> Path:
        """Copy what is there to the same path under `root`, filler left out; return the folder."""
        place = root / self.folder.relative_to("/")
        shutil.copytree(self.host_path, place, ignore=shutil.ignore_patterns(FILLER))
        return place

    def fill(self) -> None:
        """Leave no byte free."""
        with (self.host_path / FILLER).open("ab", buffering=0) as stream:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        stream.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        """Take back what `fill` took."""
        (self.host_path / FILLER).unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount a small file system at `folder`; the test is skipped where that is not allowed."""
    if given := os.environ.get("FACESEG_SMALL_DISK"):
        yield SmallDisk(Path(given), Path("/"), ())
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
                    "this machine lets nobody mount a small file system (unshare -rm): "
                    "set FACESEG_SMALL_DISK to a folder on one"
                )
            time.sleep(0.05)
        yield disk
    finally:
        holder.kill()
        holder.wait()
