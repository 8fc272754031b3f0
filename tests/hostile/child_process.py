"""A warm process in which hostile files go through verbs, one after the other, within limits."""

import multiprocessing
import os
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.hostile_file import HostileFile, Materials
from tests.infra.processes import process_tree

CPU_SECONDS = 15
MEMORY = 1_500_000_000  # bytes more than the warm process has
FILE_SIZE = 200_000_000  # bytes of the largest file that a verb may write
MAX_KEPT = 50_000_000  # bytes of a file that is kept for the next verb
WALL_SECONDS = 90.0  # a busy machine needs more than a free one
_MADE: dict[str, bytes] = {}  # the file that went through the last verb, by its name


class ChildProcess:
    """A process that is started again after it was ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._start()

    def run(self, kind: str, name: str, verb: str) -> tuple[int, str, str]:
        """Let a file go through a verb; return the exit code, the text and what was lost.

        Raises:
            AssertionError: The process ended, or exceeded the time.
        """
        self._connection.send((kind, name, verb))
        if self._connection.poll(WALL_SECONDS):
            with suppress(EOFError):
                return self._connection.recv()
        self._process.join(10)
        status = self._process.exitcode
        self.end()
        self._start()
        limits = f"limits: {WALL_SECONDS:g} s, or {CPU_SECONDS} s of processor time"
        raise AssertionError(f"the process ended with {status} (None: it hangs; {limits})")

    def end(self) -> None:
        """End the process and all that it started."""
        for each in process_tree(self._process.pid or 0):
            with suppress(Exception):
                each.kill()
        self._process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._folder), daemon=True)
        self._process.start()
        theirs.close()


def _serve(connection: Connection, folder: Path) -> None:
    """Answer requests; the materials are made for the first one."""
    os.setsid()  # `process_tree` finds the processes of a session
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What MLflow's web server would replace, and what would end this process.
    os.execv = lambda *_: None  # type: ignore[assignment]
    from tests.hostile.hostile_files import FILES
    from tests.hostile.materials import make_materials

    with TemporaryDirectory(dir=folder) as materials_folder:
        materials = make_materials(Path(materials_folder))
        while True:
            try:
                kind, name, verb = connection.recv()
            except EOFError:
                return
            connection.send(_meet(FILES[kind][name], verb, materials, folder))


def _meet(
    hostile: HostileFile, verb: str, materials: Materials, folder: Path
) -> tuple[int, str, str]:
    from tests.hostile.verbs import VERBS

    environment = dict(os.environ)
    with TemporaryDirectory(dir=folder) as work:
        here = Path(work, "here")
        here.mkdir()
        os.chdir(here)
        try:
            file = _write(hostile, materials, Path(work))
            with _limits():
                return tuple(VERBS[verb](file, materials))  # type: ignore[return-value]
        except Exception:
            return 1, traceback.format_exc(), ""
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)


def _write(hostile: HostileFile, materials: Materials, work: Path) -> Path:
    """Write the file: that of a pack into a copy of the pack, a database into a storage."""
    place = work / "results"
    place.mkdir()
    packs = materials.experiment.parent / "results/packs"
    if hostile.verbs == ("prepare, packed",):
        shutil.copytree(packs, place / "packs")
        (place,) = (each for each in (place / "packs").iterdir() if each.is_dir())
    if hostile.file == materials.mlflow.name:
        shutil.copytree(packs, place / "packs")
        shutil.copytree(materials.mlflow.with_name("artifacts"), place / "artifacts")
    file = place / hostile.file
    _write_or_copy(hostile, file, materials)
    return file


def _write_or_copy(hostile: HostileFile, file: Path, materials: Materials) -> None:
    """Write a file that has been made for another verb already as a copy: some take a second."""
    if hostile.name in _MADE:
        file.write_bytes(_MADE[hostile.name])
        return
    hostile.write(file, materials)
    _MADE.clear()
    if file.is_file() and not file.is_symlink() and file.stat().st_size < MAX_KEPT:
        _MADE[hostile.name] = file.read_bytes()


@contextmanager
def _limits() -> Iterator[None]:
    """Limit what this process may use from now on; a process that it starts has the same limits."""
    used = time.process_time()
    data = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmData")
    )
    limits = {
        resource.RLIMIT_CPU: int(used) + 1 + CPU_SECONDS,
        resource.RLIMIT_DATA: data + MEMORY,
        resource.RLIMIT_FSIZE: FILE_SIZE,
    }
    before = {each: resource.getrlimit(each) for each in limits}
    for each, limit in limits.items():
        resource.setrlimit(each, (limit, before[each][1]))
    try:
        yield
    finally:
        for each, limit in before.items():
            resource.setrlimit(each, limit)
