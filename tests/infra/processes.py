"""Processes that a test starts; they are ended by their ids, also when the test fails."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil


def free_port() -> int:
    """Return a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def loopback_address(number: int) -> str:
    """Return one of this process's own loopback addresses.

    Parallel test runs have different addresses.
    """
    pid = os.getpid()
    return f"127.{1 + pid // 250 % 99}.{pid % 250}.{number}"


def is_listening(host: str, port: int) -> bool:
    """Return whether a server accepts connections at this address."""
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def process_tree(pid: int) -> list[psutil.Process]:
    """Return the running processes of a process: its descendants and its session, itself last."""
    found = []
    for each in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(each.pid) == pid:
                found.append(each)
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        found += [*process.children(recursive=True), process]
    return sorted(set(found), key=lambda each: each.pid == pid)


def find_by_title(pids: Iterable[int], title: str) -> list[psutil.Process]:
    """Return the processes in the families of `pids` whose command line begins with `title`."""
    found = []
    for each in (member for pid in pids for member in process_tree(pid)):
        with suppress(psutil.Error):
            words = each.cmdline()
            if words and (words[0].startswith(title) or Path(words[0]).name == title):
                found.append(each)
    return found


def is_running(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_process_tree(process: subprocess.Popen[Any] | None) -> None:
    """Kill a process, all its descendants and the rest of its session with -9."""
    if process is None:
        return
    for each in process_tree(process.pid):
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGKILL)
    process.wait(timeout=30)


def wait_until(
    what: str, is_so: Callable[[], Any], seconds: float = 180, pause: float = 0.1
) -> float:
    """Wait for a condition; return the seconds it took.

    After `seconds` it raises AssertionError with `what`.
    """
    begun = time.monotonic()
    while not is_so():
        waited = time.monotonic() - begun
        assert waited < seconds, f"{what}: not after {seconds:g} s"
        time.sleep(pause)
    return time.monotonic() - begun
