"""How long one photograph takes, and how much memory the process has needed at most."""

import resource
import sys
import time
from pathlib import Path

import numpy as np

from faceseg.inference.predictor import Predictor


def measure_latency(predictor: Predictor, runs: int = 30, warm_up: int = 5) -> dict[str, float]:
    """Time the network alone at batch 1, in milliseconds: `p50_ms` and `p95_ms`.

    The first calls trace and compile and are left out. Quote it with the thread count: the
    process's own setting decides it.
    """
    image = np.random.default_rng(0).integers(0, 256, (*predictor.grid, 3), dtype=np.uint8)
    times = []
    for run in range(warm_up + runs):
        started = time.perf_counter()
        predictor.logits([image])
        if run >= warm_up:
            times.append(1000 * (time.perf_counter() - started))
    return {"p50_ms": float(np.percentile(times, 50)), "p95_ms": float(np.percentile(times, 95))}


def peak_memory_mb() -> float:
    """Return the most memory this process has held resident so far, in MiB.

    Linux hands `ru_maxrss` on from the process that started this one: a worker's own peak would
    be told for every network. VmHWM is of this program alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere
