"""Whether bfloat16 lowers scores: the same trainings in both numeric types.

    python -m tests.benchmarks.precision [--seeds 6] [--epochs 12]

The quickstart's U-Net on drawn faces at 64 px. The seed determines the initial weights, the order
of the images and the augmentation, so the trainings of a seed are a pair. It prints the mean
difference of the best validation IoU with its 95 % interval (Student's t over the pairs).
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from tests.benchmarks.machine import described
from tests.benchmarks.trainables import CLASSES, OPTIONS, SIZE, make_pack

PRECISIONS = ("float32", "mixed_bfloat16")


def scores(folder: Path, seeds: int, epochs: int) -> dict[str, list[float]]:
    """Return the best IoU of each seed, by precision."""
    from faceseg.data.classes import LAPA
    from faceseg.data.split import Split
    from faceseg.training.compiled_network import CompiledNetwork, NetworkSpec
    from faceseg.training.loop import TrainingData, train
    from faceseg.training.settings import TrainingSettings

    pack = make_pack(folder)
    material = TrainingData(Split(pack, "train"), Split(pack, "val"), LAPA)
    found: dict[str, list[float]] = {}
    for precision in PRECISIONS:
        given = TrainingSettings.model_validate(
            {"epochs": epochs, "learning_rate": 5e-3, "precision": precision}
        )
        network = CompiledNetwork(
            NetworkSpec(architecture="unet", image_size=SIZE, num_classes=CLASSES, options=OPTIONS),
            given,
        )
        found[precision] = []
        for seed in range(seeds):
            began = time.perf_counter()
            with TemporaryDirectory(dir=folder) as place:
                outcome = train(
                    network, given, material, seed=seed, folder=Path(place), on_epoch=lambda _: True
                )
            found[precision].append(outcome.best_iou)
            took = time.perf_counter() - began
            print(f"{precision} seed {seed}: {outcome.best_iou:.4f} ({took:.0f} s)", flush=True)
    return found


def main(arguments: Iterable[str] | None = None) -> None:
    """Train all; print the difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "keras"), flush=True)
    with TemporaryDirectory(prefix="faceseg-precision-") as place:
        found = scores(Path(place), given.seeds, given.epochs)
    whole, half = (np.array(found[precision]) for precision in PRECISIONS)
    apart = half - whole
    low, high = stats.t.interval(0.95, len(apart) - 1, loc=apart.mean(), scale=stats.sem(apart))
    print(
        f"float32 {whole.mean():.4f} (SD {whole.std(ddof=1):.4f}), bfloat16 {half.mean():.4f}"
        f" (SD {half.std(ddof=1):.4f}); bfloat16 - float32 {apart.mean():+.4f},"
        f" 95 % interval {low:+.4f} to {high:+.4f}, {len(apart)} seeds"
    )


if __name__ == "__main__":
    main()
