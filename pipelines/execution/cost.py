"""The cost of a network: its size, its latency and its memory.

`python -m pipelines.execution.cost THREADS VIEWS MODEL...` prints latency and memory of a saved
network, or of several that form an ensemble, as JSON. VIEWS is 2 for the mean with the mirror
image, otherwise 1. It runs in its own process, because the memory of a worker that has trained
other networks is no measure of this one's.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceseg.inference.ensemble import load_networks
from pipelines.cluster.child_processes import module_command
from pipelines.job.machine_load import LOAD_METRIC, cpu_times, load_between

if TYPE_CHECKING:
    from faceseg.inference.predictor import Predictor

LOAD_INTERVAL = 0.5  # seconds, at least: the system counts processor time in steps of 10 ms


def network_cost(
    predictors: "Sequence[Predictor]", files: Sequence[Path], threads: int, views: int = 1
) -> dict[str, float]:
    """Return the metrics `model/…`, `latency/…` (ms) and `memory/…` (MiB) of one or more networks.

    Args:
        predictors: The networks; several form an ensemble, whose costs are added.
        files: The saved networks, in the same order.
        threads: Processor threads to measure with.
        views: 2 for the mean with the mirror image, otherwise 1.

    Raises:
        RuntimeError: The measuring process failed.
    """
    from faceseg.networks.cost import count_macs, count_parameters

    return {
        "model/parameters": sum(count_parameters(each.network) for each in predictors),
        "model/macs": views * sum(count_macs(each.network) for each in predictors),
        "model/size_mb": sum(file.stat().st_size for file in files) / 1024**2,
        **run_measurement("pipelines.execution.cost", str(threads), str(views), *map(str, files)),
    }


def run_measurement(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module that measures networks in a new process; return the JSON that it prints last.

    Args:
        module: The module's dotted name.
        *arguments: Its arguments; the last one is a network, for the message of an error.

    Raises:
        RuntimeError: The process failed; the message ends with its output.
    """
    command = module_command(module, *arguments)
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if process.returncode != 0:
        raise RuntimeError(f"measuring {arguments[-1]} failed:\n{process.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def measure_speed(predictor: "Predictor", threads: int) -> dict[str, float]:
    """Return the metrics `latency/…`: milliseconds at batch 1, and the load of other programs.

    Args:
        predictor: The network.
        threads: Processor threads that this process is configured to use.
    """
    from faceseg.inference.latency import measure_latency

    start = cpu_times()
    found = {f"latency/{name}": value for name, value in measure_latency(predictor).items()}
    time.sleep(max(0.0, LOAD_INTERVAL - (time.monotonic() - start.at)))
    return {**found, "latency/threads": threads, LOAD_METRIC: load_between(start, cpu_times())}


def main(threads: int, views: int, files: Sequence[str]) -> None:
    """Load the networks, measure them at batch 1, and print `latency/…` and `memory/…` as JSON."""
    from faceseg.backends.device import configure_device
    from faceseg.inference.latency import peak_memory_mb

    configure_device(threads)
    found = measure_speed(load_networks([Path(file) for file in files], views), threads)
    found["memory/peak_mb"] = peak_memory_mb()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
