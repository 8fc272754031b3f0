"""The candidates to measure: splits of a machine's cores and GPUs, and numeric precisions."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from faceseg.training.settings import Precision

MIN_WORKER_MEMORY = 1.5e9  # bytes that a worker with a framework and a network needs
BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # the CPU flags of bfloat16 arithmetic


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The facts of a machine on which the candidates depend.

    Attributes:
        name: Processor, cores and GPUs, as a phrase. Stored settings are compared with it.
        cores: Logical cores.
        memory: Memory in bytes.
        bfloat16: Whether the processor has bfloat16 arithmetic.
        gpus: The number of GPUs to use.
    """

    name: str
    cores: int
    memory: float
    bfloat16: bool
    gpus: int = 0

    @classmethod
    def detect(cls, gpus: int = 0) -> "Machine":
        """Return this machine; `gpus` is the number of GPUs to use."""
        facts = _processor()
        cores = os.cpu_count() or 1
        name = facts.get("model name") or platform.processor() or platform.machine()
        words = f"{name}, {cores} cores" + (f", {gpus} GPU" if gpus else "")
        return cls(
            name=words,
            cores=cores,
            memory=float(psutil.virtual_memory().total),
            bfloat16=not BFLOAT16.isdisjoint(facts.get("flags", "").split()),
            gpus=gpus,
        )


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A split of a machine: a number of concurrent workers, and the resources of each."""

    workers: int
    cpus: int
    gpus: float
    precision: Precision

    @property
    def description(self) -> str:
        """A phrase for the candidate; a key of the stored speeds."""
        each = f"{self.cpus} thread{'' if self.cpus == 1 else 's'}"
        if self.gpus:
            each = f"{self.gpus:g} GPU"
        one = self.workers == 1
        return f"{self.workers} worker{'' if one else 's'} of {each}, {self.precision}"


def candidates(machine: Machine, precision: Precision) -> list[Candidate]:
    """Return the candidates; the first one has one thread, or one GPU, per worker.

    Not among them on a processor: float16 (0.16 times the speed of float32, measured) and XLA
    (0.41 times, plus half a minute of compilation for each batch size).

    Args:
        machine: The machine.
        precision: The experiment's precision; bfloat16 is added if the hardware supports it.
    """
    types: list[Precision] = [precision]
    if (machine.bfloat16 or machine.gpus) and precision != "mixed_bfloat16":
        types.append("mixed_bfloat16")
    if machine.gpus:
        shares = [
            (machine.gpus * each, max(1, machine.cores // (machine.gpus * each)), 1 / each)
            for each in (1, 2, 4)
        ]
    else:
        shares = [(machine.cores // each, each, 0.0) for each in _threads(machine.cores)]
    fitting = [each for each in shares if each[0] * MIN_WORKER_MEMORY <= machine.memory]
    return [
        Candidate(workers=workers, cpus=cpus, gpus=gpus, precision=each)
        for each in types
        for workers, cpus, gpus in fitting or shares[-1:]
    ]


def _threads(cores: int) -> list[int]:
    """Return the powers of two up to the number of cores, and that number."""
    found = [2**power for power in range(cores.bit_length()) if 2**power <= cores]
    return sorted({*found, cores})


def _processor() -> dict[str, str]:
    """Return Linux's facts of the first processor; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
