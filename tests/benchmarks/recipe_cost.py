"""The time of a training step with each option of the recipe, relative to a step without it.

    python -m tests.benchmarks.recipe_cost [--image-size 64] [--batch-size 8] [--rounds 9]

The networks are those of quickstart, or the full ones with `--full`. All contenders take turns
(`interleaved_timing`); on all cores, in float32.
"""

import argparse
import os
from collections.abc import Iterable
from typing import Any

from tests.benchmarks.interleaved_timing import Work, Workload, table, time_in_turns
from tests.benchmarks.machine import described
from tests.benchmarks.step import CLASSES, material

SMALL = {
    "unet": {"alpha": 0.35, "width": 0.5},
    "pspnet": {"alpha": 0.35, "width": 0.5},
    "segnet": {"width": 0.25},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight_average": {"weight_average": 0.999},
    "label_smoothing": {"label_smoothing": 0.1},
    "lovasz": {"lovasz_weight": 1.0},
    "hard pixels": {"hard_pixel_probability": 0.7},
    "taught by unet": {"teacher": "unet"},  # an argument of the network, no setting
}


def work(
    *, name: str, size: int, batch: int, steps: int, full: bool, options: dict[str, Any]
) -> Work:
    """Return `steps` steps of a network with options of the training."""
    from faceseg.backends.device import configure_device
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.distillation import Distillation
    from faceseg.training.settings import TrainingSettings
    from faceseg.training.stopwatch import Stopwatch

    configure_device(threads=len(os.sched_getaffinity(0)))

    def spec(architecture: str) -> NetworkSpec:
        return NetworkSpec(
            architecture=architecture,
            image_size=(size, size),
            num_classes=CLASSES,
            options={} if full else SMALL[architecture],
        )

    distillation = None
    if teacher := options.pop("teacher", None):
        distillation = Distillation([spec(teacher).build(0)], weight=1, temperature=2)
    settings = TrainingSettings.model_validate({"batch_size": batch, **options})
    compiled = CompiledNetwork(spec(name), settings, distillation)
    compiled.reset(settings, seed=0, total_steps=10_000)
    images, labels = material(size, batch)

    def turn() -> int:
        batches = ((images, labels) for _ in range(steps))
        compiled.steps.train(batches, batch, Stopwatch(), lambda number, loss: float(loss))
        return steps * batch

    return turn


def main(arguments: Iterable[str] | None = None) -> int:
    """Time the options of every network; print a table for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=SMALL, default=list(SMALL))
    parser.add_argument("--only", nargs="+", choices=OPTIONS, default=list(OPTIONS))
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=10, help="of a turn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--full", action="store_true", help="the networks without options")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "keras"), flush=True)
    shared = {
        "size": given.image_size,
        "batch": given.batch_size,
        "steps": given.steps,
        "full": given.full,
    }
    for name in given.networks:
        names = ["plain", *(each for each in given.only if each != "plain")]
        contenders = [
            Workload(
                f"{name}, {option}",
                "tests.benchmarks.recipe_cost:work",
                {"name": name, **shared, "options": OPTIONS[option]},
            )
            for option in names
        ]
        print(table(time_in_turns(contenders, given.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
