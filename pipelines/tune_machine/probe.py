"""A process that times training steps on request.

`python -m pipelines.tune_machine.probe TASK` (a ProbeTask as JSON) builds the networks, runs their
first steps and prints `ready`. Then, for each line of input that names a network, it trains that
network for the task's seconds and prints its images per second.
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
MIN_STEPS = 3  # steps per measurement


@dataclass(frozen=True, kw_only=True)
class ProbeTask:
    """What a probe builds and how it runs.

    Attributes:
        networks: By name, an architecture and its options.
        image_size: Rows and columns.
        classes: The number of classes.
        batch_size: Images per step.
        precision: Keras's numeric precision.
        threads: CPU threads.
        gpus: The share of a GPU; 0 for the CPU.
        seconds: The duration of a measurement.
    """

    networks: dict[str, tuple[str, dict[str, Any]]]
    image_size: tuple[int, int]
    classes: int
    batch_size: int
    precision: str
    threads: int
    gpus: float
    seconds: float

    def to_json(self) -> str:
        """Return the task as JSON, the argument of the probe's command."""
        return json.dumps(asdict(self))


def main(text: str) -> None:
    """Build the networks of a task (JSON), print `ready`, then a speed for each line of input."""
    given = json.loads(text)
    task = ProbeTask(**{**given, "image_size": tuple(given["image_size"])})
    # Only this process imports a framework; the one that measures needs none.
    from faceseg.backends.device import configure_device

    configure_device(task.threads, task.gpus)
    ready = {name: _build(task, *network) for name, network in task.networks.items()}
    _print_line(READY)
    for line in sys.stdin:
        _print_line(_speed(ready[line.strip()], task, task.seconds))


def _build(task: ProbeTask, architecture: str, options: dict[str, Any]) -> "CompiledNetwork":
    """Compile a network and run its first steps. No pretrained weights are loaded."""
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.settings import TrainingSettings

    own = {key: value for key, value in options.items() if key != "encoder_weights"}
    settings = TrainingSettings.model_validate({"precision": task.precision})
    spec = NetworkSpec(
        architecture=architecture,
        image_size=task.image_size,
        num_classes=task.classes,
        options=own,
    )
    compiled = CompiledNetwork(spec, settings)
    compiled.reset(settings, seed=0, total_steps=10_000)
    _speed(compiled, task, 0.0)
    return compiled


def _speed(compiled: "CompiledNetwork", task: ProbeTask, seconds: float) -> float:
    """Train for some seconds, at least a few steps; return the images per second."""
    import numpy as np

    from faceseg.training.steps import LossMonitor
    from faceseg.training.stopwatch import Stopwatch

    rng = np.random.default_rng(0)
    shape = (task.batch_size, *task.image_size)
    images = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    labels = rng.integers(0, task.classes, shape, dtype=np.uint8)
    started, steps = time.perf_counter(), 0

    def batches() -> Iterator[Any]:
        nonlocal steps
        while steps < MIN_STEPS or time.perf_counter() - started < seconds:
            steps += 1
            yield images, labels

    monitor = LossMonitor(1, 0.0, None)
    compiled.steps.train(batches(), task.batch_size, Stopwatch(), monitor.record_step)
    return steps * task.batch_size / (time.perf_counter() - started)


def _print_line(value: object) -> None:
    sys.stdout.write(f"{value}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
