"""Ray's head and nodes on this machine, started by the commands of infra/ray-cluster.yaml.

Each node has a loopback address of its own, so that Ray takes them for machines.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml

from tests.infra.mlflow_server import REPOSITORY
from tests.infra.postgres import free_port

MEMORY = 80_000_000  # bytes of the object store; Ray takes no less


class RayNodes:
    """A cluster whose nodes read their secrets from a file, as those of `ray up` do.

    folder: short, since Ray puts sockets into it and their paths end at 107 characters.
    logins: what beside Ray's token stands in the file of secrets.
    """

    def __init__(self, folder: Path, logins: Mapping[str, str], nodes: int = 2) -> None:
        self.folder = folder
        self.nodes = nodes
        self.token = secrets.token_hex(32)
        self.port = free_port()
        self.dashboard = f"http://127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        place = folder / "faceseg-secrets"
        place.mkdir()
        given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, **logins}
        lines = "".join(f"{name}={value}\n" for name, value in given.items())
        (place / "environment").write_text(lines, encoding="utf-8")
        (place / "environment").chmod(0o600)

    @property
    def address(self) -> str:
        """What the driver of a study finds Ray by."""
        return f"{_loopback(1)}:{self.port}"

    @property
    def client(self) -> dict[str, str]:
        """The environment of a machine that submits jobs."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def start(self) -> None:
        """Start the head, then the nodes, and wait until the dashboard counts them all."""
        file = REPOSITORY / "infra" / "ray-cluster.yaml"
        launch = yaml.safe_load(file.read_text(encoding="utf-8"))
        head = launch["head_start_ray_commands"][-1]
        head = head.replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "")
        head = head.replace("--port=6379", f"--port={self.port}")
        dashboard = self.dashboard.rpartition(":")[2]
        agent = free_port()
        ports = f"--dashboard-port={dashboard} --ray-client-server-port={free_port()}"
        ports += f" --dashboard-agent-listen-port={agent}"
        self._start(head, 1, f"--num-cpus=0 {ports}")
        _wait(lambda: _listens(_loopback(1), self.port), "Ray's head does not answer")
        node = launch["worker_start_ray_commands"][-1].replace(":6379", f":{self.port}")
        for number in range(self.nodes):
            self._start(node, 2 + number, "--num-cpus=1")
        _wait(self._is_whole, "Ray's nodes do not run")
        _wait(lambda: _listens("127.0.0.1", int(dashboard)), "Ray's dashboard does not answer")
        _wait(lambda: _listens(_loopback(1), agent), "the head's agent takes no jobs")

    def stop(self) -> None:
        """Kill -9 all nodes and everything that they started."""
        for process in reversed(self._processes):
            for each in _family(process.pid):
                with suppress(psutil.NoSuchProcess):
                    each.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, command: str, number: int, more: str) -> None:
        more += f" --block --disable-usage-stats --node-ip-address={_loopback(number)}"
        more += f" --temp-dir={self.folder / str(number)} --object-store-memory={MEMORY}"
        names = [name for name in os.environ if name.startswith(("RAY_", "MLFLOW_", "PG"))]
        environment = {name: os.environ[name] for name in os.environ if name not in names}
        environment |= {"HOME": str(self.folder), "RAY_HEAD_IP": _loopback(1)}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        with (self.folder / f"{number}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    ["bash", "-c", f"{command} {more}"],
                    stdout=log,
                    stderr=log,
                    env=environment,
                    cwd=self.folder,
                    start_new_session=True,
                )
            )

    def _is_whole(self) -> bool:
        logs = [self.folder / f"{2 + number}.log" for number in range(self.nodes)]
        return all("--block" in log.read_text(encoding="utf-8", errors="replace") for log in logs)


@contextmanager
def running(folder: Path, logins: Mapping[str, str]) -> Iterator[RayNodes]:
    """A head and two nodes, for as long as the context lasts."""
    cluster = RayNodes(folder, logins)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _loopback(number: int) -> str:
    """Return one of this process's own addresses: two test runs at once do not meet."""
    pid = os.getpid()
    return f"127.{1 + pid // 250 % 99}.{pid % 250}.{number}"


def _family(pid: int) -> list[psutil.Process]:
    """Return what descends from a process, or is in its session, and itself last."""
    found = []
    for each in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(each.pid) == pid:
                found.append(each)
    with suppress(psutil.NoSuchProcess):
        found += psutil.Process(pid).children(recursive=True)
    return sorted(set(found), key=lambda each: each.pid == pid)


def _listens(host: str, port: int) -> bool:
    with suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def _wait(is_so: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.2)
