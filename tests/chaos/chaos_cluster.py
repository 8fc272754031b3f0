"""The lab: a Ray cluster and an MLflow server that run, and the studies that are done there."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.infra.mlflow_server import MlflowServer
from tests.infra.processes import find_by_title, is_running, wait_until
from tests.infra.ray_nodes import RayNodes

from .audit import StudyAudit
from .event_log import EventLog
from .study_process import StudyProcess, experiment_content

MAX_KILLS_OF_SMALL_STUDY = 9  # kills that a study of one architecture is long enough for


@dataclass(frozen=True)
class ChaosOptions:
    """What was asked for on pytest's command line."""

    kills: int
    seed: int
    outage: float

    @property
    def small(self) -> bool:
        return self.kills <= MAX_KILLS_OF_SMALL_STUDY


@dataclass(frozen=True)
class ChaosCluster:
    """Where studies are done. database, artifacts: where the server keeps things."""

    nodes: RayNodes
    server: MlflowServer
    database: Path
    artifacts: Path

    def study(self, name: str, folder: Path, diary: EventLog, small: bool) -> StudyProcess:
        """Make a study, not begun yet."""
        overrides = (
            f"storage={folder / 'results'}",
            f"tracking.uri={self.server.uri}",
            f"resources.address={self.nodes.address}",
        )
        environment = {**self.nodes.client, "RAY_ADDRESS": ""}
        return StudyProcess(folder, experiment_content(name, small), diary, overrides, environment)

    def audit(self, study: StudyProcess) -> StudyAudit:
        """Open the books of a study."""
        return StudyAudit(study.experiment, self.database, self.artifacts)

    def workers(self) -> list[psutil.Process]:
        """Return the processes of the product's workers."""
        return find_by_title([node.pid for node in self.nodes.running], "ray::Worker")

    def coordinators(self) -> list[psutil.Process]:
        """Return the processes of the product's coordinators: one, as a rule."""
        assert self.nodes.head
        return find_by_title([self.nodes.head.pid], "ray::Coordinator")

    def kill_node(self, number: int, seconds: float, diary: EventLog) -> None:
        """Kill -9 a node's raylet, see that its workers die of it, and start a node again."""
        node = self.nodes.running[number]
        (raylet,) = find_by_title([node.pid], "raylet")
        workers = find_by_title([node.pid], "ray::")
        raylet.send_signal(signal.SIGKILL)
        took = wait_until("a dead node's workers die", lambda: not any(map(is_running, workers)))
        diary.record(f"node {number}: its {len(workers)} processes were gone after {took:.1f} s")
        time.sleep(seconds)
        self.nodes.replace(number)
