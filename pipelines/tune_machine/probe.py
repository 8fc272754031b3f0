"""Times training steps in a process of its own, whenever it is asked to.

`python -m pipelines.tune_machine.probe TASK` (a Task as JSON) builds the networks, takes their first
steps and prints `ready`. Then, for every line on its input that names a network, it trains that
one for the task's seconds and prints the images a second.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceseg.training.compiled_network import CompiledNetwork

READY = "ready"
MIN_STEPS = 3  # steps in a measurement


@dataclass(frozen=True)
class ProbeTask:
    """What a probe builds: by name, an architecture and its options; shapes are (H, W)."""

    networks: dict[str, tuple[str, dict[str, Any]]]
    image_size: tuple[int, int]
    classes: int
    batch_size: int
    precision: str
    threads: int
    gpus: float
    seconds: float

    def to_json(self) -> str:
        """Return the task as an argument of the probe's command."""
        return json.dumps(asdict(self))


def main(text: str) -> None:
    """Build, say `ready`, then answer each name with a speed."""
    given = json.loads(text)
    task = ProbeTask(**{**given, "image_size": tuple(given["image_size"])})
    # A framework is loaded in this process alone: the one that asks needs none.
    from faceseg.backends.device import configure_device

    configure_device(task.threads, task.gpus)
    ready = {name: _build(task, *network) for name, network in task.networks.items()}
    _print_line(READY)
    for line in sys.stdin:
        _print_line(_speed(ready[line.strip()], task, task.seconds))


def _build(task: ProbeTask, architecture: str, options: dict[str, Any]) -> "CompiledNetwork":
    """Compile a network and take its first steps. Weights do not matter: none are fetched."""
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings

    own = {key: value for key, value in options.items() if key != "encoder_weights"}
    settings = TrainingSettings.model_validate({"precision": task.precision})
    recipe = NetworkSpec(architecture, task.image_size, task.classes, own)
    compiled = CompiledNetwork(recipe, settings)
    compiled.reset(settings, seed=0, total_steps=10_000)
    _speed(compiled, task, 0.0)
    return compiled


def _speed(compiled: "CompiledNetwork", task: ProbeTask, seconds: float) -> float:
    """Train for some seconds, and a few steps at least; return images a second."""
    import numpy as np

    from faceseg.training.steps import LossMonitor
    from faceseg.training.stopwatch import Stopwatch

    draws = np.random.default_rng(0)
    shape = (task.batch_size, *task.image_size)
    images = draws.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = draws.integers(0, task.classes, shape, dtype=np.uint8)
    started, shown = time.perf_counter(), 0

    def batches() -> Iterator[Any]:
        nonlocal shown
        while shown < MIN_STEPS or time.perf_counter() - started < seconds:
            shown += 1
            yield images, labels

    watch = LossMonitor(1, 0.0, None)
    compiled.steps.train(batches(), Stopwatch(), watch.record_step)
    return shown * task.batch_size / (time.perf_counter() - started)


def _print_line(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
