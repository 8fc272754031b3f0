"""The speed of a network on a GPU, and the GPU memory that it takes.

`python -m pipelines.execution.gpu_cost THREADS GPUS VIEWS MODEL...` prints them as JSON. It runs in
its own process, so that the peak of the allocator is that of this network alone.
"""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from faceseg.backends.memory import is_out_of_memory
from faceseg.inference.ensemble import load_networks
from pipelines.execution.cost import run_measurement
from pipelines.job.gpu_metrics import GPU_IMAGES_PER_SECOND, GPU_LATENCY, GPU_P95, GPU_PEAK_MB

if TYPE_CHECKING:
    from faceseg.inference.predictor import Predictor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GpuCost:
    """The name of a GPU, and the metrics of a network on it, by their names in MLflow."""

    gpu: str
    metrics: dict[str, float]


def gpu_cost(files: Sequence[Path], threads: int, gpus: float, views: int = 1) -> GpuCost:
    """Measure one or more networks in a new process, which may use this process's GPU.

    Args:
        files: The saved networks; several form an ensemble.
        threads: Processor threads.
        gpus: The share of a GPU that the process keeps to, at most 1.
        views: As in `load_networks`.

    Raises:
        RuntimeError: The process failed, for example because it finds no GPU.
    """
    arguments = (str(threads), str(gpus), str(views), *map(str, files))
    return GpuCost(**run_measurement("pipelines.execution.gpu_cost", *arguments))


def measure_speed(predictor: "Predictor") -> dict[str, float]:
    """Return the metrics of a network on the GPU that this process is configured to use.

    The memory is the peak while it predicts 32 images at once. If such a batch does not fit, its
    throughput and its memory are left out.
    """
    from faceseg.backends.device import peak_memory
    from faceseg.inference.latency import measure_latency, measure_throughput

    latency = measure_latency(predictor)
    found = {GPU_LATENCY: latency["p50_ms"], GPU_P95: latency["p95_ms"]}
    try:
        found[GPU_IMAGES_PER_SECOND] = measure_throughput(predictor)
    except Exception as error:  # each framework has its own errors
        if not is_out_of_memory(error):
            raise
        logger.warning("the throughput is not measured: %s", error)
        return found
    peak = peak_memory()
    return found if peak is None else found | {GPU_PEAK_MB: peak / 1024**2}


def main(threads: int, gpus: float, views: int, files: Sequence[str]) -> None:
    """Load the networks, measure them on the GPU, and print a `GpuCost` as JSON."""
    from faceseg.backends.device import configure_device

    device = configure_device(threads, gpus)
    predictor = load_networks([Path(file) for file in files], views)
    cost = GpuCost(device.name, measure_speed(predictor))
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
