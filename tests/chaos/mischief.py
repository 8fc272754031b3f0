"""What is done to a study while it runs: kills, in a mix that a seed decides."""

import signal
import time
from dataclasses import dataclass, field

import numpy as np

from .diary import Diary
from .lab import Lab
from .study import Study

KINDS = ("driver", "worker", "coordinator", "node", "server")
FEW = ("driver", "node", "server")  # three kills: what no other test kills in a true study
STRIKES = 2  # workers in a row that a job may lose before an epoch
PATIENCE = 240  # seconds in which a study must get on after a kill


def plan(kills: int, seed: int) -> list[str]:
    """Return what is killed when: every kind as often as any other, in a drawn order."""
    kinds = FEW if kills <= len(FEW) else KINDS
    mix = [kinds[number % len(kinds)] for number in range(kills)]
    return [str(kind) for kind in np.random.default_rng(seed).permutation(mix)]


@dataclass
class Mischief:
    """Kills one thing at a time, with what it takes to go on."""

    lab: Lab
    study: Study
    diary: Diary
    chance: np.random.Generator
    told: int = 0  # epochs, at the last kill
    strikes: dict[str, tuple[int, int]] = field(default_factory=dict)  # job: its epochs, kills

    def do(self, kind: str) -> None:
        """Kill -9 one thing of a kind."""
        going = self.study.going()
        self.told = self.study.epochs()
        self.diary.note(f"KILL {kind}; {self.told} epochs told, going: {going}")
        for job, epochs in going.items() if kind == "worker" else ():
            at, kills = self.strikes.get(job, (epochs, 0))
            self.strikes[job] = (epochs, kills + 1 if at == epochs else 1)
        getattr(self, f"_{kind}")()

    def await_progress(self) -> None:
        """Wait until the study gets on, and a little while more.

        A job whose worker dies three times in a row before an epoch is done is given up, and
        rightly so: one that may have lost two is left alone until it has told an epoch.
        """
        until = time.monotonic() + PATIENCE
        while not self._has_moved():
            assert time.monotonic() < until, f"no progress after {self.told}: {self.study.going()}"
            time.sleep(0.2)
        time.sleep(self.chance.uniform(0, 1.5))

    def _has_moved(self) -> bool:
        assert self.study.runs(), f"the driver ended by itself: {self.study.said[-2000:]}"
        going = self.study.going()
        struck = [
            job
            for job, (epochs, kills) in self.strikes.items()
            if kills >= STRIKES and going.get(job) == epochs
        ]
        return bool(going) and not struck and self.study.epochs() > self.told

    def _driver(self) -> None:
        self.study.kill()
        time.sleep(self.chance.uniform(0, 2))
        self.lab.server.wait()  # a driver begins by asking for its study's run
        self.study.start()

    def _worker(self) -> None:
        workers = sorted(self.lab.workers(), key=lambda each: each.pid)
        assert workers, "no worker runs"
        workers[self.chance.integers(len(workers))].send_signal(signal.SIGKILL)

    def _coordinator(self) -> None:
        coordinators = self.lab.coordinators()
        assert coordinators, "no coordinator runs"
        for each in coordinators:
            each.send_signal(signal.SIGKILL)

    def _node(self) -> None:
        number = int(self.chance.integers(self.lab.cluster.nodes))
        self.lab.kill_node(number, self.chance.uniform(0, 3), self.diary)

    def _server(self) -> None:
        self.lab.server.stop()
        time.sleep(self.chance.uniform(0, 3))
        self.lab.server.begin()  # it takes some seconds more, in which other things are killed
