"""Kill processes of a running study, in an order that a seed determines."""

import signal
import time
from dataclasses import dataclass, field

import numpy as np

from tests.infra.processes import wait_until

from .chaos_cluster import ChaosCluster
from .event_log import EventLog
from .study_process import StudyProcess

KINDS = ("driver", "worker", "coordinator", "node", "server")
SHORT_SCHEDULE = ("driver", "node", "server")  # what no other test kills in a real study
MAX_WORKER_KILLS_PER_EPOCH = 2  # of a job's workers in a row, without a new epoch
PROGRESS_TIMEOUT = 240  # seconds in which a study must make progress after a kill


def fault_schedule(kills: int, seed: int) -> list[str]:
    """Return the kinds to kill, in random order; every kind is killed equally often."""
    kinds = SHORT_SCHEDULE if kills <= len(SHORT_SCHEDULE) else KINDS
    balanced = [kinds[number % len(kinds)] for number in range(kills)]
    return [str(kind) for kind in np.random.default_rng(seed).permutation(balanced)]


@dataclass(kw_only=True)
class FaultInjector:
    """Kill one process or node at a time, and restart it where the study needs that.

    Attributes:
        epochs_at_last_kill: The epochs that were reported at the last kill.
        worker_kills: By job: its epochs at its worker's last kill, and kills since the last epoch.
    """

    cluster: ChaosCluster
    study: StudyProcess
    event_log: EventLog
    rng: np.random.Generator
    epochs_at_last_kill: int = 0
    worker_kills: dict[str, tuple[int, int]] = field(default_factory=dict)

    def inject(self, kind: str) -> None:
        """Kill one process or node of a kind with SIGKILL."""
        running = self.study.running_jobs()
        self.epochs_at_last_kill = self.study.epochs()
        self.event_log.record(
            f"KILL {kind}; {self.epochs_at_last_kill} epochs reported, running: {running}"
        )
        for job, epochs in running.items() if kind == "worker" else ():
            at, kills = self.worker_kills.get(job, (epochs, 0))
            self.worker_kills[job] = (epochs, kills + 1 if at == epochs else 1)
        getattr(self, f"_{kind}")()

    def await_progress(self) -> None:
        """Wait until the study has made progress, and up to 1.5 s more.

        A job whose worker dies three times in a row before an epoch is done is recorded as failed.
        So a job that may have lost two workers is not disturbed until it has reported an epoch.
        """
        until = time.monotonic() + PROGRESS_TIMEOUT
        while not self._has_progressed():
            assert time.monotonic() < until, (
                f"no progress after {self.epochs_at_last_kill}: {self.study.running_jobs()}"
            )
            time.sleep(0.2)
        time.sleep(self.rng.uniform(0, 1.5))

    def _has_progressed(self) -> bool:
        assert self.study.is_running(), f"the driver ended: {self.study.output[-2000:]}"
        running = self.study.running_jobs()
        fragile = [
            job
            for job, (epochs, kills) in self.worker_kills.items()
            if kills >= MAX_WORKER_KILLS_PER_EPOCH and running.get(job) == epochs
        ]
        return bool(running) and not fragile and self.study.epochs() > self.epochs_at_last_kill

    def _driver(self) -> None:
        self.study.kill()
        time.sleep(self.rng.uniform(0, 2))
        self.cluster.server.wait()  # a driver begins by searching its study's run
        self.study.start()

    # A driver that was killed before takes coordinator and workers with it.

    def _worker(self) -> None:
        wait_until("a worker runs", lambda: bool(self.cluster.workers()))
        workers = sorted(self.cluster.workers(), key=lambda each: each.pid)
        workers[self.rng.integers(len(workers))].send_signal(signal.SIGKILL)

    def _coordinator(self) -> None:
        wait_until("a coordinator runs", lambda: bool(self.cluster.coordinators()))
        for each in self.cluster.coordinators():
            each.send_signal(signal.SIGKILL)

    def _node(self) -> None:
        number = int(self.rng.integers(self.cluster.nodes.nodes))
        self.cluster.kill_node(number, self.rng.uniform(0, 3), self.event_log)

    def _server(self) -> None:
        self.cluster.server.stop()
        time.sleep(self.rng.uniform(0, 3))
        self.cluster.server.launch()  # while it starts, other processes are killed
