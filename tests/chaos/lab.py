"""The lab: a Ray cluster and an MLflow server that run, and the studies that are done there."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.infra.mlflow_server import MlflowServer
from tests.infra.processes import lives, titled, wait_until
from tests.infra.ray_nodes import RayNodes

from .audit import Audit
from .diary import Diary
from .study import Study, content

SHORT = 9  # kills that a study of one architecture is long enough for


@dataclass(frozen=True)
class Wishes:
    """What was asked for on pytest's command line."""

    kills: int
    seed: int
    outage: float

    @property
    def small(self) -> bool:
        return self.kills <= SHORT


@dataclass(frozen=True)
class Lab:
    """Where studies are done. database, artifacts: where the server keeps things."""

    cluster: RayNodes
    server: MlflowServer
    database: Path
    artifacts: Path

    def study(self, name: str, folder: Path, diary: Diary, small: bool) -> Study:
        """Make a study, not begun yet."""
        overrides = (
            f"storage={folder / 'results'}",
            f"tracking.uri={self.server.uri}",
            f"resources.address={self.cluster.address}",
        )
        environment = {**self.cluster.client, "RAY_ADDRESS": ""}
        return Study(folder, content(name, small), diary, overrides, environment)

    def audit(self, study: Study) -> Audit:
        """Open the books of a study."""
        return Audit(study.experiment, self.database, self.artifacts)

    def workers(self) -> list[psutil.Process]:
        """Return the processes of the product's workers."""
        return titled([node.pid for node in self.cluster.running], "ray::Worker")

    def coordinators(self) -> list[psutil.Process]:
        """Return the processes of the product's coordinators: one, as a rule."""
        assert self.cluster.head
        return titled([self.cluster.head.pid], "ray::Coordinator")

    def kill_node(self, number: int, seconds: float, diary: Diary) -> None:
        """Kill -9 a node's raylet, see that its workers die of it, and start a node again."""
        node = self.cluster.running[number]
        (raylet,) = titled([node.pid], "raylet")
        workers = titled([node.pid], "ray::")
        raylet.send_signal(signal.SIGKILL)
        took = wait_until("a dead node's workers die", lambda: not any(map(lives, workers)))
        diary.note(f"node {number}: its {len(workers)} processes were gone after {took:.1f} s")
        time.sleep(seconds)
        self.cluster.replace(number)
