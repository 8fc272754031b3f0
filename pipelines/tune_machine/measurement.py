"""The candidates measured: each in fresh processes, in turns, so that a slow minute hits all."""

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import IO

from faceseg.errors import UserError
from pipelines.config import Experiment
from pipelines.search.worker import worker_environment
from pipelines.tune_machine.candidates import Candidate
from pipelines.tune_machine.probe import READY, ProbeTask

ROUNDS = 5
SECONDS = 2.0  # of one measurement
ReportLine = Callable[[str], None]


@dataclass(frozen=True)
class CandidateSpeed:
    """A candidate's images a second of all its workers together, by network: medians of rounds."""

    candidate: Candidate
    speeds: dict[str, float]

    def ratio(self, other: "CandidateSpeed") -> float:
        """Return how many times as fast as another it is, as a geometric mean over networks."""
        return geometric_mean(self.speeds[name] / other.speeds[name] for name in self.speeds)


class CandidateProcesses:
    """The processes of one candidate, all ready."""

    def __init__(self, candidate: Candidate, processes: Sequence["subprocess.Popen[str]"]) -> None:
        self.candidate = candidate
        self._processes = processes

    def wait_until_ready(self) -> None:
        """Wait until all are. RuntimeError, with what it said, if one has died."""
        for process in self._processes:
            if _line(process) != READY:
                raise RuntimeError(f"{self.candidate.description}: a process said something else")

    def speed(self, network: str) -> float:
        """Let all train a network at once; return their images a second together."""
        for process in self._processes:
            _input(process).write(f"{network}\n")
            _input(process).flush()
        return sum(float(_line(process)) for process in self._processes)


def measure_candidates(
    experiment: Experiment, tried: Sequence[Candidate], told: ReportLine
) -> list[CandidateSpeed]:
    """Return what was measured, in the order given; one that fails is told and left out.

    UserError if all do.
    """
    found: dict[Candidate, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        ready = []
        for candidate in tried:
            told(f"building {candidate.description}")
            workers = stack.enter_context(_start_processes(experiment, candidate))
            try:
                workers.wait_until_ready()
            except RuntimeError as error:
                told(f"left out: {error}")
                continue
            ready.append(workers)
            found[candidate] = defaultdict(list)
        if not ready:
            raise UserError("no candidate could be measured: the reasons stand above")
        for turn in range(ROUNDS):
            told(f"round {turn + 1} of {ROUNDS}")
            for network in experiment.networks:
                for workers in ready:
                    found[workers.candidate][network].append(workers.speed(network))
    return [
        CandidateSpeed(candidate, {name: median(values) for name, values in speeds.items()})
        for candidate, speeds in found.items()
    ]


@contextmanager
def _start_processes(experiment: Experiment, candidate: Candidate) -> Iterator[CandidateProcesses]:
    """Start a candidate's processes; end them afterwards, whatever happens."""
    data = experiment.data
    task = ProbeTask(
        experiment.networks,
        data.image_size,
        len(data.class_set),
        min(experiment.search.space.batch_size.choices),
        candidate.precision,
        candidate.cpus,
        candidate.gpus,
        SECONDS,
    )
    command = [sys.executable, "-m", "pipelines.tune_machine.probe", task.to_json()]
    own = worker_environment(candidate.gpus) | {"OMP_NUM_THREADS": str(candidate.cpus)}
    processes = [
        subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **own},
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
    """Read the next answer. Raises RuntimeError with the last that a dead process said."""
    answer = process.stdout.readline() if process.stdout else ""
    if not answer:
        _, said = process.communicate()
        raise RuntimeError((said.strip().splitlines() or ["it died and said nothing"])[-1][:300])
    return answer.strip()


def _input(process: "subprocess.Popen[str]") -> IO[str]:
    if process.stdin is None:
        raise ValueError("a probe is started with a pipe to its input")
    return process.stdin
