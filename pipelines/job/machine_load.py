"""The load of a machine while something is timed on it, and which timings it makes unreliable."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

# Processor cores that other programs kept busy while the latency was measured, on average.
LOAD_METRIC = "latency/load"
QUIET_LOAD = 0.25  # cores; above it a latency may be that of a busy machine


@dataclass(frozen=True, kw_only=True)
class CpuTimes:
    """Processor seconds of the machine (`busy`) and of this process (`own`) at a time."""

    at: float
    busy: float
    own: float


def cpu_times() -> CpuTimes:
    """Return the processor seconds until now."""
    machine, process = psutil.cpu_times(), psutil.Process().cpu_times()
    # Time of guests is part of `user`; waiting for a disk occupies no core.
    unused = ("idle", "iowait", "guest", "guest_nice")
    return CpuTimes(
        at=time.monotonic(),
        busy=sum(machine) - sum(getattr(machine, name, 0.0) for name in unused),
        own=process.user + process.system,
    )


def load_between(start: CpuTimes, end: CpuTimes) -> float:
    """Return how many cores other programs kept busy between two times, on average."""
    others = (end.busy - start.busy) - (end.own - start.own)
    return max(0.0, others / (end.at - start.at))


def is_quiet(metrics: Mapping[str, float]) -> bool:
    """Return whether a run's latency was measured on a quiet machine.

    Args:
        metrics: The run's. Earlier versions did not log the load, and measured while other jobs
            were running.
    """
    return metrics.get(LOAD_METRIC, math.inf) <= QUIET_LOAD
