"""`python -m pipelines.measure MODEL THREADS`: latency and memory of a saved network, as JSON.

Runs in a process of its own, so that the memory is this network's and no other's.
"""

import json
import sys

from faceseg.devices import claim


def main(model_file: str, threads: int) -> None:
    """Load, time at batch 1, print `latency/…` and `memory/…` on one line."""
    claim(threads)
    from faceseg.latency import latency, peak_memory_mb
    from faceseg.predictor import load

    found = {f"latency/{name}": value for name, value in latency(load(model_file)).items()}
    found["latency/threads"] = threads
    found["memory/peak_mb"] = peak_memory_mb()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
