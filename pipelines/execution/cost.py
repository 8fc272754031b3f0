"""What a network costs: its size, its time and its memory.

`python -m pipelines.execution.cost THREADS MODEL...` prints latency and memory of a saved network, or of
several that answer together, as JSON: in a process of its own, since a worker that has trained
other networks says nothing about what this one needs.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from faceseg.backends.device import configure_device

if TYPE_CHECKING:
    from faceseg.inference.predictor import Predictor


def network_cost(
    predictors: "Sequence[Predictor]", files: Sequence[Path], threads: int
) -> dict[str, float]:
    """Return the `model/…`, `latency/…` and `memory/…` of networks, and the files they are in."""
    from faceseg.networks.cost import count_macs, count_parameters

    return {
        "model/parameters": sum(count_parameters(each.network) for each in predictors),
        "model/macs": sum(count_macs(each.network) for each in predictors),
        "model/size_mb": sum(file.stat().st_size for file in files) / 1024**2,
        **_measure_in_subprocess(files, threads),
    }


def _measure_in_subprocess(files: Sequence[Path], threads: int) -> dict[str, float]:
    command = [sys.executable, "-m", "pipelines.execution.cost", str(threads), *map(str, files)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode != 0:
        raise RuntimeError(f"measuring {files[0]} failed:\n{answer.stderr[-2000:]}")
    values: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return values


def main(threads: int, files: Sequence[str]) -> None:
    """Load, time at batch 1, print `latency/…` and `memory/…` on one line."""
    configure_device(threads)
    from faceseg.inference.ensemble import ensemble_predictor
    from faceseg.inference.latency import measure_latency, peak_memory_mb
    from faceseg.inference.predictor import load

    predictors = [load(file) for file in files]
    predictor = predictors[0] if len(predictors) == 1 else ensemble_predictor(predictors)
    found = {f"latency/{name}": value for name, value in measure_latency(predictor).items()}
    found["latency/threads"] = threads
    found["memory/peak_mb"] = peak_memory_mb()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
