"""One driver per study, one worker per job; a lock ends with the process that holds it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.search.leases import LockHeldError, job_lock, study_lock

HOLD = """
import sys, time
from pathlib import Path
from pipelines.config import Experiment
from pipelines.search.leases import study_lock, job_lock
kind, path = sys.argv[1:]
lock = job_lock(Path(path)) if kind == "job" else study_lock(
    Experiment(name="fake", storage=Path(path))
)
with lock:
    print("held", flush=True)
    time.sleep(600)
"""
Hold = Callable[[str, Path], subprocess.Popen[str]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Hold a lock in another process."""
    with ExitStack() as stack:

        def start(kind: str, path: Path) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLD, kind, str(path)]
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            return process

        yield start


def test_a_second_driver_is_refused_and_the_error_names_the_first(tmp_path: Path, hold: Hold):
    experiment = Experiment(name="fake", storage=tmp_path)
    first = hold("study", tmp_path)
    with pytest.raises(UserError, match=f"is already being run by process {first.pid} on "):
        study_lock(experiment).__enter__()
    with study_lock(experiment.model_copy(update={"name": "other"})):
        pass  # another study on the same storage


def test_the_lock_of_a_killed_driver_is_free(tmp_path: Path, hold: Hold):
    first = hold("study", tmp_path)
    first.send_signal(signal.SIGKILL)
    first.wait()
    (path,) = (tmp_path / "locks").iterdir()  # the file remains, the lock does not
    with study_lock(Experiment(name="fake", storage=tmp_path)):
        assert path.read_text().startswith(f"process {os.getpid()} on ")
    assert not path.exists()


def test_a_study_is_free_again_after_an_error(tmp_path: Path):
    experiment = Experiment(name="fake", storage=tmp_path)
    for _ in range(2):
        with pytest.raises(ValueError, match="no"), study_lock(experiment):
            raise ValueError("no")


def test_a_worker_waits_for_the_lock_of_a_dying_worker(tmp_path: Path, hold: Hold):
    path = tmp_path / "unet-trial-000.lock"
    other = hold("job", path)

    def die() -> None:
        time.sleep(0.3)
        other.kill()

    dying = threading.Thread(target=die)
    dying.start()
    with job_lock(path, timeout=60):
        assert other.poll() is not None
    dying.join()
    assert not path.exists()


def test_a_job_whose_lock_stays_held_raises(tmp_path: Path, hold: Hold):
    path = tmp_path / "unet-trial-000.lock"
    other = hold("job", path)
    words = f"unet-trial-000 is still held by process {other.pid} on .* after 0 s"
    with pytest.raises(LockHeldError, match=words), job_lock(path, timeout=0.1):
        pass


def test_a_lock_is_never_held_twice(tmp_path: Path):
    """Each thread removes the lock file while others wait for it."""
    path, inside, most = tmp_path / "job.lock", [], []

    def work() -> None:
        for _ in range(10):
            with job_lock(path):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 40
