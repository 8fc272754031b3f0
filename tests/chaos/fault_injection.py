"""What is done to a study while it runs: kills, in a mix that a seed decides."""

import signal
import time
from dataclasses import dataclass, field

import numpy as np

from .chaos_cluster import ChaosCluster
from .event_log import EventLog
from .study_process import StudyProcess

KINDS = ("driver", "worker", "coordinator", "node", "server")
SHORT_SCHEDULE = (
    "driver",
    "node",
    "server",
)  # three kills: what no other test kills in a true study
MAX_WORKER_KILLS_PER_EPOCH = 2  # workers in a row that a job may lose before an epoch
PROGRESS_TIMEOUT = 240  # seconds in which a study must get on after a kill


def fault_schedule(kills: int, seed: int) -> list[str]:
    """Return what is killed when: every kind as often as any other, in a drawn order."""
    kinds = SHORT_SCHEDULE if kills <= len(SHORT_SCHEDULE) else KINDS
    mix = [kinds[number % len(kinds)] for number in range(kills)]
    return [str(kind) for kind in np.random.default_rng(seed).permutation(mix)]


@dataclass
class FaultInjector:
    """Kills one thing at a time, with what it takes to go on."""

    cluster: ChaosCluster
    study: StudyProcess
    event_log: EventLog
    rng: np.random.Generator
    epochs_at_last_kill: int = 0  # epochs, at the last kill
    worker_kills: dict[str, tuple[int, int]] = field(default_factory=dict)  # job: its epochs, kills

    def inject(self, kind: str) -> None:
        """Kill -9 one thing of a kind."""
        going = self.study.running_jobs()
        self.epochs_at_last_kill = self.study.epochs()
        self.event_log.record(
            f"KILL {kind}; {self.epochs_at_last_kill} epochs told, going: {going}"
        )
        for job, epochs in going.items() if kind == "worker" else ():
            at, kills = self.worker_kills.get(job, (epochs, 0))
            self.worker_kills[job] = (epochs, kills + 1 if at == epochs else 1)
        getattr(self, f"_{kind}")()

    def await_progress(self) -> None:
        """Wait until the study gets on, and a little while more.

        A job whose worker dies three times in a row before an epoch is done is given up, and
        rightly so: one that may have lost two is left alone until it has told an epoch.
        """
        until = time.monotonic() + PROGRESS_TIMEOUT
        while not self._has_moved():
            assert time.monotonic() < until, (
                f"no progress after {self.epochs_at_last_kill}: {self.study.running_jobs()}"
            )
            time.sleep(0.2)
        time.sleep(self.rng.uniform(0, 1.5))

    def _has_moved(self) -> bool:
        assert self.study.is_running(), f"the driver ended by itself: {self.study.output[-2000:]}"
        going = self.study.running_jobs()
        struck = [
            job
            for job, (epochs, kills) in self.worker_kills.items()
            if kills >= MAX_WORKER_KILLS_PER_EPOCH and going.get(job) == epochs
        ]
        return bool(going) and not struck and self.study.epochs() > self.epochs_at_last_kill

    def _driver(self) -> None:
        self.study.kill()
        time.sleep(self.rng.uniform(0, 2))
        self.cluster.server.wait()  # a driver begins by asking for its study's run
        self.study.start()

    def _worker(self) -> None:
        workers = sorted(self.cluster.workers(), key=lambda each: each.pid)
        assert workers, "no worker runs"
        workers[self.rng.integers(len(workers))].send_signal(signal.SIGKILL)

    def _coordinator(self) -> None:
        coordinators = self.cluster.coordinators()
        assert coordinators, "no coordinator runs"
        for each in coordinators:
            each.send_signal(signal.SIGKILL)

    def _node(self) -> None:
        number = int(self.rng.integers(self.cluster.nodes.nodes))
        self.cluster.kill_node(number, self.rng.uniform(0, 3), self.event_log)

    def _server(self) -> None:
        self.cluster.server.stop()
        time.sleep(self.rng.uniform(0, 3))
        self.cluster.server.launch()  # it takes some seconds more, in which other things are killed
