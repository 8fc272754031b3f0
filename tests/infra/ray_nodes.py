"""Ray's head and nodes on this machine, started by the commands of infra/ray-cluster.yaml.

Each node has a loopback address of its own, so that Ray treats it as a separate machine.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.infra.mlflow_server import REPOSITORY
from tests.infra.processes import (
    free_port,
    is_listening,
    kill_process_tree,
    loopback_address,
    wait_until,
)

MEMORY = 80_000_000  # bytes of the object store, the minimum that Ray accepts
BIN = Path(sys.executable).parent


class RayNodes:
    """A cluster whose nodes read their secrets from a file, as those of `ray up` do.

    The head has no CPUs: it runs jobs, coordinators and drivers. Each node has one CPU.

    Attributes:
        folder: A short path, because the paths of Ray's sockets end at 107 characters. Programs in
            its folder `bin` come first on every node's PATH.
        logins: The variables in the file of secrets besides Ray's token.
    """

    def __init__(self, folder: Path, logins: Mapping[str, str], nodes: int = 2) -> None:
        self.folder = folder
        self.nodes = nodes
        self.token = secrets.token_hex(32)
        self.port = free_port()
        self.dashboard = f"http://127.0.0.1:{free_port()}"
        self.head: subprocess.Popen[bytes] | None = None
        self.running: list[subprocess.Popen[bytes]] = []  # the nodes without the head
        self._started = 0
        place = folder / "faceseg-secrets"
        place.mkdir()
        given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token, **logins}
        lines = "".join(f"{name}={value}\n" for name, value in given.items())
        (place / "environment").write_text(lines, encoding="utf-8")
        (place / "environment").chmod(0o600)
        file = REPOSITORY / "infra" / "ray-cluster.yaml"
        self._launch: dict[str, list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))

    @property
    def address(self) -> str:
        """The address of Ray for the driver of a study."""
        return f"{loopback_address(1)}:{self.port}"

    @property
    def client(self) -> dict[str, str]:
        """The environment of a machine that submits jobs."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}

    def jobs(self) -> list[dict[str, Any]]:
        """Return the cluster's description of its jobs."""
        headers = {"Authorization": f"Bearer {self.token}"}
        response = requests.get(f"{self.dashboard}/api/jobs/", headers=headers, timeout=30)
        response.raise_for_status()
        return list(response.json())

    def start(self) -> None:
        """Start the head and the nodes; wait until all run and jobs are accepted."""
        command = self._launch["head_start_ray_commands"][-1]
        command = command.replace("--autoscaling-config=~/ray_bootstrap_config.yaml", "")
        command = command.replace("--port=6379", f"--port={self.port}")
        dashboard, agent = self.dashboard.rpartition(":")[2], free_port()
        ports = f"--dashboard-port={dashboard} --ray-client-server-port={free_port()}"
        ports += f" --dashboard-agent-listen-port={agent}"
        self.head = self._start(command, loopback_address(1), f"--num-cpus=0 {ports}")
        wait_until("Ray's head responds", lambda: is_listening(loopback_address(1), self.port))
        self.running = [self._start_node(number) for number in range(self.nodes)]
        wait_until("Ray's nodes run", self._all_nodes_alive)
        wait_until("the dashboard responds", lambda: is_listening("127.0.0.1", int(dashboard)))
        wait_until(
            "the head's agent accepts jobs", lambda: is_listening(loopback_address(1), agent)
        )

    def replace(self, number: int) -> None:
        """Kill the rest of a node with -9 and start another with the same address."""
        kill_process_tree(self.running[number])
        self.running[number] = self._start_node(number)
        wait_until("the node runs again", self._all_nodes_alive)

    def stop(self) -> None:
        """Kill all nodes and their processes with -9."""
        for process in (*self.running, self.head):
            kill_process_tree(process)

    def _start_node(self, number: int) -> subprocess.Popen[bytes]:
        command = self._launch["worker_start_ray_commands"][-1]
        return self._start(
            command.replace(":6379", f":{self.port}"), loopback_address(2 + number), "--num-cpus=1"
        )

    def _start(self, command: str, ip: str, more: str) -> subprocess.Popen[bytes]:
        self._started += 1
        temporary = self.folder / f"{self._started}"
        more += f" --block --disable-usage-stats --node-ip-address={ip}"
        more += f" --temp-dir={temporary} --object-store-memory={MEMORY}"
        names = [name for name in os.environ if name.startswith(("RAY_", "MLFLOW_", "PG"))]
        environment = {name: os.environ[name] for name in os.environ if name not in names}
        environment |= {"HOME": str(self.folder), "RAY_HEAD_IP": loopback_address(1)}
        environment["RAY_worker_niceness"] = (
            "0"  # tests run in parallel with these nodes and wait for them
        )
        environment["PATH"] = f"{self.folder / 'bin'}:{BIN}:{environment['PATH']}"
        with Path(f"{temporary}.log").open("ab") as log:
            return subprocess.Popen(
                ["bash", "-c", f"{command} {more}"],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def _all_nodes_alive(self) -> bool:
        """Return whether every node has logged that it has started."""
        logs = [self.folder / f"{number}.log" for number in range(2, self._started + 1)]
        return all("--block" in log.read_text(encoding="utf-8", errors="replace") for log in logs)


@contextmanager
def running(folder: Path, logins: Mapping[str, str], nodes: int = 2) -> Iterator[RayNodes]:
    """Run a head and its nodes while the context is open."""
    cluster = RayNodes(folder, logins, nodes)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
