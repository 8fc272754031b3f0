"""What is tried on a machine: how its processors are shared out, and in which numeric type."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from faceseg.training.settings import Precision

MIN_WORKER_MEMORY = 1.5e9  # bytes that a worker with a framework and a network wants at the least
BFLOAT16 = {"avx512_bf16", "amx_bf16"}  # what a processor calls its own bfloat16 arithmetic


@dataclass(frozen=True)
class Machine:
    """What matters of a machine. `memory` in bytes, `bfloat16`: the processor has it."""

    name: str
    cores: int
    memory: float
    bfloat16: bool
    gpus: int = 0

    @classmethod
    def detect(cls, cards: int = 0) -> "Machine":
        """Return the machine that this runs on."""
        facts = _processor()
        cores = os.cpu_count() or 1
        name = facts.get("model name") or platform.processor() or platform.machine()
        words = f"{name}, {cores} cores" + (f", {cards} GPU" if cards else "")
        has = not BFLOAT16.isdisjoint(facts.get("flags", "").split())
        return cls(words, cores, float(psutil.virtual_memory().total), has, cards)


@dataclass(frozen=True)
class Candidate:
    """So many workers at once, each with this share of the machine."""

    workers: int
    cpus: int
    gpus: float
    precision: Precision

    @property
    def description(self) -> str:
        """Say it for people."""
        each = f"{self.cpus} thread{'' if self.cpus == 1 else 's'}"
        if self.gpus:
            each = f"{self.gpus:g} GPU"
        one = self.workers == 1
        return f"{self.workers} worker{'' if one else 's'} of {each}, {self.precision}"


def candidates(machine: Machine, precision: Precision) -> list[Candidate]:
    """Return what is tried; the first is a thread a worker, or a card a worker.

    precision: the experiment's own, tried besides bfloat16 where the machine is made for it.
    Float16 has no place on a processor (0.16 times float32's speed, measured), nor has XLA
    (0.41, and half a minute of compiling for each size of batch).
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
    fitting = [each for each in shares if each[0] * MIN_WORKER_MEMORY <= machine.memory] or shares[
        -1:
    ]
    return [Candidate(*each, kind) for kind in types for each in fitting]


def _threads(cores: int) -> list[int]:
    """Return the powers of two up to the number of cores, and that number."""
    found = [2**power for power in range(cores.bit_length()) if 2**power <= cores]
    return sorted({*found, cores})


def _processor() -> dict[str, str]:
    """Return what Linux tells of the first processor; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
