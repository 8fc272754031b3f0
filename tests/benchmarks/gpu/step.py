"""Time training steps of one network: a process that compiles, waits, and measures.

`python -m tests.benchmarks.gpu.step KIND NETWORK PRECISION SIZE SECONDS SHARE BATCH…` prints
`ready` when everything is compiled. After a line on its standard input it prints one JSON line with
its rows. Processes can therefore compile in parallel and be timed one after the other.

KIND is `keras` (the training step of faceseg on the backend of KERAS_BACKEND), `xla` (the same,
compiled by XLA on a CPU too), `eager` or `compiled` (the same network in plain torch, channels
last). Images are in host memory as uint8 and are copied for every step, as in a training;
augmentation is left out.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.gpu.gpu_monitor import GIB, watched

CLASSES = 11
Run = Callable[[int], None]  # runs N steps to their end
Peak = Callable[[], float]  # bytes since the last call, or since the start


def keras_runs(
    network: str, precision: str, size: int, share: float, kind: str
) -> tuple[Any, Peak]:
    """Return a function that makes the steps of a batch size, and the peak of the memory."""
    from faceseg.backends.device import configure_device, peak_memory

    configure_device(2, share)

    from faceseg.training import compiled_network
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings
    from faceseg.training.stopwatch import Stopwatch

    if kind == "xla":
        compiled_network.jit = lambda: True
    recipe = NetworkSpec(architecture=network, image_size=(size, size), num_classes=CLASSES)
    compiled = CompiledNetwork(recipe, TrainingSettings(precision=precision))

    def make(images: Any, labels: Any) -> Run:
        def run(steps: int) -> None:
            batches = ((images, labels) for _ in range(steps))
            compiled.steps.train(batches, len(images), Stopwatch(), lambda number, loss: None)

        return run

    return make, lambda: peak_memory() or 0


def torch_peak() -> float:
    """Return the most bytes that torch has used since the last call."""
    import torch

    if not torch.cuda.is_available():
        return 0
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return float(peak)


def torch_runs(network: str, precision: str, how: str) -> tuple[Any, Peak]:
    """Return the same for plain torch."""
    import torch

    from tests.benchmarks import torch_networks
    from tests.benchmarks.torch_training import adamw, training_step

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True  # select its fastest kernels, as JAX does
    model = torch_networks.build(network, CLASSES, own_padding=True).to(device)
    step = training_step(
        model, adamw(model),
        precision=precision.removeprefix("mixed_"),
        compiled="default" if how == "compiled" else None,
    )  # fmt: skip

    def make(images: Any, labels: Any) -> Run:
        sent = [torch.from_numpy(each) for each in (images, labels)]
        if device == "cuda":
            sent = [each.pin_memory() for each in sent]

        def run(steps: int) -> None:
            for _ in range(steps):
                loss = step(*(each.to(device, non_blocking=True) for each in sent))
            loss.item()

        return run

    return make, torch_peak


def main(kind: str, network: str, precision: str, *numbers: str) -> None:
    """Compile, wait, measure; batch sizes ascend, so that each sets a new peak of memory."""
    size, seconds, share = int(numbers[0]), float(numbers[1]), float(numbers[2])
    if kind in ("keras", "xla"):
        make, peak = keras_runs(network, precision, size, share, kind)
    else:
        make, peak = torch_runs(network, precision, kind)
    ready = [prepared(int(batch), size, make, peak) for batch in numbers[3:]]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps([timed(row, run, seconds) for row, run in ready]) + "\n")


def prepared(batch: int, size: int, make: Any, peak: Peak) -> tuple[dict[str, Any], Run | None]:
    """Compile for one batch size; return the time and the memory, or the failure."""
    from faceseg.backends.memory import is_out_of_memory

    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    labels = draws.integers(0, CLASSES, (batch, size, size), dtype=np.uint8)
    row: dict[str, Any] = {"batch": batch}
    run: Run | None = None
    started = time.perf_counter()
    try:
        run = make(images, labels)
        run(2)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        run, row["why"] = None, "out of memory"
    row["compile s"] = round(time.perf_counter() - started, 1)
    row["memory GiB"] = round(peak() / GIB, 2)
    return row, run


def timed(row: dict[str, Any], run: Run | None, seconds: float) -> dict[str, Any]:
    """Add the median images a second of three runs that fill the time."""
    if run is None:
        return row
    run(3)
    started = time.perf_counter()
    run(5)
    steps = max(5, int(seconds / 3 * 5 / (time.perf_counter() - started)))
    speeds = []
    with watched(row):
        for _ in range(3):
            started = time.perf_counter()
            run(steps)
            speeds.append(row["batch"] * steps / (time.perf_counter() - started))
    return {**row, "images/s": round(float(np.median(speeds)), 1)}


if __name__ == "__main__":
    main(*sys.argv[1:])
