"""The latency of one photograph, the throughput of many, and the peak memory of the process."""

import resource
import sys
import time
from pathlib import Path

import numpy as np

from faceseg.inference.predictor import Predictor

MIN_CALLS = 3  # of a measured throughput, whatever the time


def measure_latency(predictor: Predictor, runs: int = 30, warm_up: int = 5) -> dict[str, float]:
    """Return the network's latency at batch 1 in milliseconds: `p50_ms` and `p95_ms`.

    Quote it with the number of threads that the process is configured to use.

    Args:
        predictor: The network.
        runs: The number of measured calls.
        warm_up: The number of calls before them, which trace and compile.
    """
    image = np.random.default_rng(0).integers(0, 256, (*predictor.grid, 3), dtype=np.uint8)
    times = []
    for run in range(warm_up + runs):
        started = time.perf_counter()
        predictor.logits([image])
        if run >= warm_up:
            times.append(1000 * (time.perf_counter() - started))
    return {"p50_ms": float(np.percentile(times, 50)), "p95_ms": float(np.percentile(times, 95))}


def measure_throughput(
    predictor: Predictor, batch_size: int = 32, seconds: float = 2.0, warm_up: int = 2
) -> float:
    """Return the images per second that the network predicts in batches.

    As in `measure_latency`, a call includes the copies of the images to the device and of the
    logits from it.

    Args:
        predictor: The network.
        batch_size: Images per call.
        seconds: How long to measure; three calls are measured at least.
        warm_up: The number of calls before them, which trace and compile.
    """
    shape = (batch_size, *predictor.grid, 3)
    images = list(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    for _ in range(warm_up):
        predictor.logits(images)
    times: list[float] = []
    while len(times) < MIN_CALLS or sum(times) < seconds:
        started = time.perf_counter()
        predictor.logits(images)
        times.append(time.perf_counter() - started)
    return float(batch_size / np.median(times))


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process so far, in MiB.

    On Linux VmHWM is used, because a process inherits `ru_maxrss` from the process that started it:
    every network would be reported with at least the worker's own peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere
