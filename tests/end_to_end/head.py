"""A Ray head of a test's own with token authentication: started, waited for, ended."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

BIN = Path(sys.executable).parent
PORTS = (
    *("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port"),
    *("dashboard-agent-grpc-port", "metrics-export-port", "runtime-env-agent-port"),
)


@dataclass(frozen=True)
class Head:
    """The address of its dashboard, its token, and the environment of a client of it."""

    address: str
    token: str
    environment: dict[str, str]

    def jobs(self) -> list[dict[str, object]]:
        """Return all that the cluster tells of its jobs."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(f"{self.address}/api/jobs/", headers=headers, timeout=30)
        answer.raise_for_status()
        return list(answer.json())


@contextmanager
def started(home: Path, **nodes: str) -> Iterator[Head]:
    """Start a head with ports, a folder and a token that no other Ray on this machine has.

    home: a folder for its token and log; programs in it come first on the head's PATH.
    nodes: what else is in the head's environment.
    """
    token = secrets.token_hex(32)
    (home / "token").write_text(token, encoding="utf-8")
    apart = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    apart |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(home / "token")}
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    folder = tempfile.mkdtemp(prefix="ray-")  # pytest's own is too long for Ray's sockets
    command = [BIN / "ray", "start", "--head", "--block", f"--temp-dir={folder}"]
    command += [f"--{name}={port}" for name, port in ports.items()]
    command += ["--include-dashboard=true", "--dashboard-host=127.0.0.1", "--num-cpus=2"]
    command += ["--min-worker-port=0", "--max-worker-port=0", "--num-gpus=0"]
    command += ["--object-store-memory=80000000", "--disable-usage-stats"]
    environment = {**apart, **nodes, "PATH": f"{home}:{BIN}:{os.environ['PATH']}"}
    log = home / "head.log"
    with log.open("wb") as output:
        head = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    try:
        wait_for(lambda: head.poll() is not None or "--block" in log.read_text("utf-8"), log)
        assert head.poll() is None, log.read_text(encoding="utf-8")
        wait_for(lambda: answers(address), log)
        yield Head(address, token, apart)
    finally:
        head.send_signal(signal.SIGTERM)  # it ends the processes that it started
        head.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(what: Callable[[], bool], told: Path, seconds: float = 180) -> None:
    """Wait until something is so; if it does not come, fail with the content of `told`."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, told.read_text(encoding="utf-8")
        time.sleep(0.2)


def answers(address: str) -> bool:
    """Return whether a job server answers that it wants a token."""
    try:
        return requests.get(f"{address}/api/version", timeout=5).status_code == 401
    except requests.ConnectionError:
        return False


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
