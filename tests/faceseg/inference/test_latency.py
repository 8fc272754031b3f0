"""The latency is that of the network at batch 1 after its warm-up; the memory is this process's."""

import subprocess
import sys
import time
from typing import Any

import numpy as np

from faceseg.data.classes import LAPA
from faceseg.inference.latency import measure_latency, measure_throughput, peak_memory_mb
from faceseg.inference.predictor import Predictor


class SleepingNetwork:
    """A network that takes 30 ms for the first calls, then 1 ms, and 20 ms in every eighth."""

    input_shape = (None, 8, 12, 3)

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def predict_on_batch(self, images: Any) -> Any:
        self.shapes.append(images.shape)
        call = len(self.shapes)
        time.sleep(0.03 if call <= 5 else 0.02 if call % 8 == 0 else 0.001)
        return np.zeros((len(images), 8, 12, 11), np.float32)


def test_the_median_is_the_usual_call_and_the_95th_percentile_a_slow_one() -> None:
    network = SleepingNetwork()
    found = measure_latency(Predictor(network, LAPA), runs=40, warm_up=5)
    assert network.shapes == [(1, 8, 12, 3)] * 45
    assert 1 <= found["p50_ms"] < 15
    assert found["p95_ms"] >= 20


def test_the_throughput_is_that_of_whole_batches_after_the_warm_up() -> None:
    network = SleepingNetwork()
    network.shapes = [(1, 8, 12, 3)] * 3  # the next two calls are slow: the warm-up
    found = measure_throughput(Predictor(network, LAPA), batch_size=4, seconds=0)
    assert network.shapes[3:] == [(4, 8, 12, 3)] * 5  # three calls at least
    assert 4 / 0.03 < found < 4 / 0.001


def test_the_peak_is_in_mebibytes_and_never_falls() -> None:
    before = peak_memory_mb()
    assert 50 < before < 100_000
    block = np.ones(2**26, np.uint8)
    after = peak_memory_mb()
    del block
    assert after >= before
    assert peak_memory_mb() > after - 1  # the kernel updates the counters of threads in batches


def test_the_memory_of_the_parent_process_is_not_included() -> None:
    """ru_maxrss would include the 800 MiB of the parent process."""
    inner = "from faceseg.inference.latency import peak_memory_mb; print(peak_memory_mb())"
    outer = (
        "import subprocess, sys; large = b'x' * (800 << 20); "
        f"print(subprocess.run([sys.executable, '-c', {inner!r}], capture_output=True, "
        "text=True, check=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True)
    assert 20 < float(done.stdout) < 400
