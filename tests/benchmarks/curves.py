"""Full-length learning curves of many settings on drawn faces, from which searches are replayed.

    make peers
    .venv-peers/bin/python -m tests.benchmarks.curves [FOLDER] [--networks unet] [--settings 60]

Every network is trained to its full length at settings that fill the space evenly (a Sobol
sequence): the learning rate from 3e-4 to 3e-2, the batch size of 8, 16 or 32. FOLDER/NETWORK.csv
gets one row for each training, with the validation IoU of every epoch and the CPU seconds; a
recording that is started again resumes. The networks are small: 192 faces at 32 px, 18 epochs, one
thread, in torch (`torch_equality` shows that they are those of faceseg). Each training has its own
seed, so its score varies by chance as much as a trial's.
"""

import argparse
import atexit
import csv
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

EPOCHS = 18
WARM_UP = 0.05
BATCH_SIZES = (8, 16, 32)
LOW, HIGH = 3e-4, 3e-2
SIZE = (32, 32)
FACES = {"train": 192, "val": 64}
NETWORKS = {
    "unet": {"alpha": 0.35, "width": 0.25, "batch_norm_momentum": 0.9},
    "pspnet": {"alpha": 0.35, "width": 0.25, "batch_norm_momentum": 0.9},
    "segnet": {"width": 0.25, "batch_norm_momentum": 0.9},
}
TABLES = Path("results/benchmarks/curves")


@dataclass(frozen=True)
class Curve:
    """A setting, the validation IoU after each of its epochs, and the CPU seconds it took."""

    learning_rate: float
    batch_size: int
    seconds: float
    values: tuple[float, ...]

    @property
    def steps(self) -> int:
        """Optimiser steps of one epoch."""
        return math.ceil(FACES["train"] / self.batch_size)


def settings(count: int) -> list[tuple[float, int]]:
    """Return `count` pairs of learning rate and batch size, the same at every call."""
    points = qmc.Sobol(2, seed=0).random(2 ** math.ceil(math.log2(count)))[:count]
    span = math.log(HIGH / LOW)
    return [
        (LOW * math.exp(span * rate), BATCH_SIZES[int(size * len(BATCH_SIZES))])
        for rate, size in points
    ]


def read(path: Path) -> list[Curve]:
    """Return the curves of a table; none if the file does not exist."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [
        Curve(float(rate), int(size), float(seconds), tuple(map(float, values)))
        for rate, size, seconds, *values in rows
    ]


def append(path: Path, curve: Curve) -> None:
    """Add a curve to a table."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            epochs = (f"epoch {number}" for number in range(1, EPOCHS + 1))
            writer.writerow(["learning rate", "batch size", "seconds", *epochs])
        values = (f"{value:.4f}" for value in curve.values)
        rate, seconds = f"{curve.learning_rate:.6f}", f"{curve.seconds:.1f}"
        writer.writerow([rate, curve.batch_size, seconds, *values])


def record(folder: Path, networks: Iterable[str], count: int, first: int = 0) -> None:
    """Train the networks in turns, at the settings that are missing in their tables in `folder`.

    Args:
        first: Skip the settings before this one, so that several processes, each with its own
            folder, can share the work.
    """
    import torch

    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="faceseg-curves-"))
    atexit.register(shutil.rmtree, place)
    faces = DrawnFaces(counts=FACES, size=128, difficulty=0.7, seed=0)
    pack, _ = build_pack(faces, place, LAPA, SIZE, "stop")
    for number, (rate, size) in enumerate(settings(count)):
        for name in networks:
            table = folder / f"{name}.csv"
            if number < first + len(read(table)):
                continue
            began = time.process_time()
            values = tuple(trained(name, pack, rate, size, seed=number))
            append(table, Curve(rate, size, time.process_time() - began, values))
            print(f"{name} {number}: {rate:.5f} x {size}: {max(values):.4f}", flush=True)


def trained(name: str, pack: Path, rate: float, size: int, seed: int) -> Iterator[float]:
    """Train, and yield the validation IoU after each epoch.

    The network, the loss, AdamW, the schedule and the augmentation are those of faceseg. It runs in
    torch, which needs no tracing; here tracing would take longer than the training.
    """
    import torch

    from faceseg.data.augmentation import Augmentation, augment
    from faceseg.data.classes import LAPA
    from faceseg.data.split import Split
    from tests.benchmarks.torch_networks import build
    from tests.benchmarks.torch_training import adamw, training_step

    torch.manual_seed(seed)
    split, held_out = Split(pack, "train"), Split(pack, "val")
    model = build(name, len(LAPA), own_padding=True, **NETWORKS[name])
    optimiser = adamw(model)
    step = training_step(model, optimiser)
    images = torch.from_numpy(np.array(held_out.images))

    def train(epoch: int, rows: NDArray[np.int64]) -> None:
        pairs = [
            augment(split.images[row], split.labels[row], Augmentation(), LAPA, (seed, epoch, row))
            for row in rows.tolist()
        ]
        step(*(torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True)))

    def predict() -> NDArray[np.int64]:
        with torch.no_grad():
            found: NDArray[np.int64] = model.eval()(images)[0].argmax(1).numpy()
        model.train()
        return found

    labels = np.array(held_out.labels)
    return validated_epochs(
        len(split),
        labels,
        rate=rate,
        size=size,
        seed=seed,
        optimiser=optimiser,
        train=train,
        predict=predict,
    )


def validated_epochs(
    count: int,
    labels: NDArray[np.uint8],
    *,
    rate: float,
    size: int,
    seed: int,
    optimiser: Any,
    train: Callable[[int, NDArray[np.int64]], None],
    predict: Callable[[], NDArray[np.int64]],
) -> Iterator[float]:
    """Train EPOCHS epochs with a cosine schedule, and yield the validation IoU after each.

    Args:
        count: The number of training images.
        labels: Those of the validation images, (N, H, W).
        rate: The learning rate.
        size: Images in a batch.
        seed: Of the order of the images.
        optimiser: Of torch; its rate is set before each step.
        train: Takes a step: `train(epoch, rows)`, with the epoch from 1 and the batch's images.
        predict: Returns labels of the validation images, (N, H, W).
    """
    from faceseg.data.classes import LAPA
    from faceseg.metrics.confusion_matrix import confusion, scores
    from faceseg.training.schedule import learning_rate_factor

    draws = np.random.default_rng(seed)
    done, each_epoch = 0, math.ceil(count / size)
    for epoch in range(1, EPOCHS + 1):
        for rows in np.array_split(draws.permutation(count), each_epoch):
            factor = learning_rate_factor(
                done, WARM_UP * EPOCHS * each_epoch, EPOCHS * each_epoch, "cosine"
            )
            for group in optimiser.param_groups:
                group["lr"] = rate * float(factor)
            train(epoch, rows)
            done += 1
        counts = confusion(labels, predict(), len(LAPA))
        yield float(np.nan_to_num(scores(counts, LAPA)["iou"]))


def main(arguments: Iterable[str] | None = None) -> None:
    """Record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=TABLES)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["unet"])
    parser.add_argument("--settings", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="skip the settings before this one")
    given = parser.parse_args(None if arguments is None else list(arguments))
    record(given.folder, given.networks, given.settings, given.first)


if __name__ == "__main__":
    main()
