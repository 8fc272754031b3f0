"""The test cluster: a running Ray cluster and MLflow server, and the studies that run there."""

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

MAX_KILLS_OF_SMALL_STUDY = 9  # the most kills for which a study of one architecture is long enough


@dataclass(frozen=True, kw_only=True)
class ChaosOptions:
    """The options of pytest's command line.

    Attributes:
        kills: How many processes are killed.
        seed: The seed of their order.
        outage: Seconds for which MLflow's server is stopped.
        default_search: Whether trials are proposed and pruned as by default. The results then
            depend on the order in which trials report.
    """

    kills: int
    seed: int
    outage: float
    default_search: bool

    @property
    def small(self) -> bool:
        return self.kills <= MAX_KILLS_OF_SMALL_STUDY


@dataclass(frozen=True, kw_only=True)
class ChaosCluster:
    """The cluster, the MLflow server, and the server's database and artifacts."""

    nodes: RayNodes
    server: MlflowServer
    database: Path
    artifacts: Path

    def study(
        self, name: str, folder: Path, event_log: EventLog, options: ChaosOptions
    ) -> StudyProcess:
        """Return a study that has not been started."""
        overrides = (
            f"storage={folder / 'results'}",
            f"tracking.uri={self.server.uri}",
            f"resources.address={self.nodes.address}",
        )
        environment = {**self.nodes.client, "RAY_ADDRESS": ""}
        return StudyProcess(
            folder=folder,
            content=experiment_content(
                name, small=options.small, default_search=options.default_search
            ),
            event_log=event_log,
            overrides=overrides,
            environment=environment,
        )

    def audit(self, study: StudyProcess) -> StudyAudit:
        """Return the audit of a study."""
        return StudyAudit(
            experiment=study.experiment, database=self.database, artifacts=self.artifacts
        )

    def workers(self) -> list[psutil.Process]:
        """Return the processes of faceseg's workers."""
        return find_by_title([node.pid for node in self.nodes.running], "ray::Worker")

    def coordinators(self) -> list[psutil.Process]:
        """Return the processes of faceseg's coordinators; usually there is one."""
        assert self.nodes.head
        return find_by_title([self.nodes.head.pid], "ray::Coordinator")

    def kill_node(self, number: int, seconds: float, event_log: EventLog) -> None:
        """Kill a node's raylet, wait until its workers have died, and start a new node."""
        node = self.nodes.running[number]
        (raylet,) = find_by_title([node.pid], "raylet")
        workers = find_by_title([node.pid], "ray::")
        raylet.send_signal(signal.SIGKILL)
        seconds_taken = wait_until(
            "a dead node's workers die", lambda: not any(map(is_running, workers))
        )
        event_log.record(
            f"node {number}: its {len(workers)} processes had ended after {seconds_taken:.1f} s"
        )
        time.sleep(seconds)
        self.nodes.replace(number)
