"""Measure the candidates, each in new processes.

The candidates take turns, so that a period in which the machine is slow affects all of them.
"""

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import geometric_mean, median
from typing import IO

from faceseg.errors import UserError
from pipelines.cluster.child_processes import module_command
from pipelines.config import Experiment
from pipelines.search.worker import worker_environment
from pipelines.tune_machine.candidates import Candidate
from pipelines.tune_machine.probe import READY, ProbeTask

ROUNDS = 5
SECONDS = 2.0  # duration of one measurement
ReportLine = Callable[[str], None]


@dataclass(frozen=True)
class CandidateSpeed:
    """A candidate's speed by network: images per second of all workers, median of the rounds."""

    candidate: Candidate
    speeds: dict[str, float]

    def ratio(self, other: "CandidateSpeed") -> float:
        """Return the speed relative to another candidate's, as a geometric mean over networks."""
        return geometric_mean(self.speeds[name] / other.speeds[name] for name in self.speeds)


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
    with ExitStack() as stack:
        ready = []
        for candidate in tried:
            report(f"building {candidate.description}")
            workers = stack.enter_context(_start_processes(experiment, candidate))
            try:
                workers.wait_until_ready()
            except RuntimeError as error:
                report(f"skipped: {error}")
                continue
            ready.append(workers)
            found[candidate] = defaultdict(list)
        if not ready:
            raise UserError("no candidate could be measured, for the reasons printed above")
        for turn in range(ROUNDS):
            report(f"round {turn + 1} of {ROUNDS}")
            for network in experiment.networks:
                for workers in ready:
                    found[workers.candidate][network].append(workers.speed(network))
    return [
        CandidateSpeed(candidate, {name: median(values) for name, values in speeds.items()})
        for candidate, speeds in found.items()
    ]


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
