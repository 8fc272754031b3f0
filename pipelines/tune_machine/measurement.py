"""Measure the candidates, each in new processes.

The candidates take turns, so that a period in which the machine is slow affects all of them.
"""

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import IO

from faceseg.errors import UserError
from pipelines.cluster.child_processes import module_command
from pipelines.compare.formatting import format_duration
from pipelines.config import Experiment
from pipelines.search.worker import worker_environment
from pipelines.tune_machine.candidates import Candidate
from pipelines.tune_machine.probe import READY, ProbeTask

ROUNDS = 5
SECONDS = 2.0  # duration of one measurement
# To start a process that imports a framework, and to compile a network in it; on two free cores.
START_SECONDS, COMPILE_SECONDS = 8.0, 6.0
ReportLine = Callable[[str], None]


@dataclass(frozen=True)
class CandidateSpeed:
    """The speed of a candidate: images per second of all workers, by network, in each round."""

    candidate: Candidate
    rounds: dict[str, list[float]]

    @property
    def speeds(self) -> dict[str, float]:
        """The median of the rounds, by network."""
        return {name: median(values) for name, values in self.rounds.items()}

    def round_ratios(self, other: "CandidateSpeed") -> list[float]:
        """Return the speed relative to another candidate's in each round, in increasing order."""
        pairs = [zip(self.rounds[name], other.rounds[name], strict=True) for name in self.rounds]
        return sorted(
            geometric_mean(one / another for one, another in networks)
            for networks in zip(*pairs, strict=True)
        )

    def ratio(self, other: "CandidateSpeed") -> float:
        """Return the speed relative to another candidate's, as a geometric mean over networks."""
        own, others = self.speeds, other.speeds
        return geometric_mean(own[name] / others[name] for name in own)


class CandidateProcesses:
    """The processes of one candidate."""

    def __init__(self, candidate: Candidate, processes: Sequence["subprocess.Popen[str]"]) -> None:
        self.candidate = candidate
        self._processes = processes

    def wait_until_ready(self) -> None:
        """Wait until all processes are ready.

        Raises:
            RuntimeError: A process died; the message is its last line of output.
        """
        for process in self._processes:
            if _line(process) != READY:
                raise RuntimeError(f"{self.candidate.description}: unexpected output of a process")

    def speed(self, network: str) -> float:
        """Train a network in all processes at once; return their total images per second."""
        for process in self._processes:
            _input(process).write(f"{network}\n")
            _input(process).flush()
        return sum(float(_line(process)) for process in self._processes)


def measure_candidates(
    experiment: Experiment, tried: Sequence[Candidate], report: ReportLine
) -> list[CandidateSpeed]:
    """Measure the speed of the candidates.

    Args:
        experiment: The experiment whose networks are trained.
        tried: The candidates.
        report: Called with lines of progress.

    Returns:
        The speeds in the order of `tried`; candidates that fail are reported and skipped.

    Raises:
        UserError: All candidates failed.
    """
    found: dict[Candidate, dict[str, list[float]]] = {}
    networks, built = len(experiment.networks), 0.0
    report(_time_message(expected_seconds(tried, networks), tried, networks))
    with ExitStack() as stack:
        ready = []
        for number, candidate in enumerate(tried, start=1):
            report(f"building {candidate.description} ({number} of {len(tried)})")
            started = time.monotonic()
            workers = stack.enter_context(_start_processes(experiment, candidate))
            try:
                workers.wait_until_ready()
            except RuntimeError as error:
                report(f"skipped: {error}")
                continue
            built += time.monotonic() - started
            ready.append(workers)
            found[candidate] = defaultdict(list)
            left = expected_seconds(tried[number:], networks, built / len(ready))
            left += _round_seconds(len(ready), networks)
            report(f"about {format_duration(left)} left")
        if not ready:
            raise UserError("no candidate could be measured, for the reasons printed above")
        for turn in range(ROUNDS):
            report(f"round {turn + 1} of {ROUNDS}")
            for network in experiment.networks:
                for workers in ready:
                    found[workers.candidate][network].append(workers.speed(network))
    return [CandidateSpeed(candidate, dict(rounds)) for candidate, rounds in found.items()]


def expected_seconds(
    tried: Sequence[Candidate], networks: int, build: float | None = None
) -> float:
    """Return how long it takes to build and measure candidates.

    Args:
        tried: The candidates.
        networks: The number of networks.
        build: Seconds to build one candidate, if that was measured.
    """
    seconds = START_SECONDS + COMPILE_SECONDS * networks if build is None else build
    return len(tried) * seconds + _round_seconds(len(tried), networks)


def _round_seconds(candidates: int, networks: int) -> float:
    return ROUNDS * SECONDS * candidates * networks


def _time_message(seconds: float, tried: Sequence[Candidate], networks: int) -> str:
    return (
        f"this takes about {format_duration(seconds)}: {len(tried)} candidates are built, then "
        f"train {networks} networks for {SECONDS:g} s each in {ROUNDS} rounds"
    )


@contextmanager
def _start_processes(experiment: Experiment, candidate: Candidate) -> Iterator[CandidateProcesses]:
    """Start a candidate's processes; kill them at the end."""
    data = experiment.data
    task = ProbeTask(
        networks=experiment.networks,
        image_size=data.image_size,
        classes=len(data.class_set),
        batch_size=min(experiment.search.space.batch_size.choices),
        precision=candidate.precision,
        threads=candidate.cpus,
        gpus=candidate.gpus,
        seconds=SECONDS,
    )
    command = module_command("pipelines.tune_machine.probe", task.to_json())
    environment = worker_environment(candidate.gpus) | {"OMP_NUM_THREADS": str(candidate.cpus)}
    processes = [
        subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        for _ in range(candidate.workers)
    ]
    try:
        yield CandidateProcesses(candidate, processes)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    """Read the next line of output; raise RuntimeError if the process died."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        _, errors = process.communicate()
        last = (errors.strip().splitlines() or ["the process died without output"])[-1]
        raise RuntimeError(last[:300])
    return line.strip()


def _input(process: "subprocess.Popen[str]") -> IO[str]:
    if process.stdin is None:
        raise ValueError("the process has no pipe to its input")
    return process.stdin
