"""Learning curves of many settings at three sizes of one network, to replay searches with goals.

    make peers
    .venv-peers/bin/python -m tests.benchmarks.goal_curves [FOLDER] [--settings 60]
    .venv-peers/bin/python -m tests.benchmarks.goal_curves OTHER --difficulty 0.3 --seed 1

`curves` records the networks of faceseg; here the network is plain (a strided convolution, three
dilated ones and a classifier, in torch), so that 60 settings at 3 widths take some CPU minutes.
Loss, optimiser, schedule and settings are those of `curves`, with half the faces and without
augmentation.
FOLDER/plain-WIDTH.csv has the same columns. The second line records the curves of another data set
for `warm_start`: other, easier faces, and trainings with other seeds.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.curves import SIZE, TABLES, Curve, append, settings, validated_epochs
from tests.benchmarks.curves import read as read_curves

FACES = {"train": 96, "val": 48}
WIDTHS = (4, 12, 36)
DILATIONS = (1, 2, 4)
CLASSES = 11


def macs(width: int) -> int:
    """Return the multiply-accumulates for one image of the network of this width."""
    positions = SIZE[0] * SIZE[1] // 4
    return positions * (27 * width + len(DILATIONS) * 9 * width**2 + width * CLASSES)


def table(folder: Path, width: int) -> Path:
    """Return the file of a width."""
    return folder / f"plain-{width}.csv"


def record(folder: Path, count: int, difficulty: float = 0.7, seed: int = 0) -> None:
    """Train every setting at every width; settings that are in the tables are not repeated.

    Args:
        folder: The tables' folder.
        count: The number of settings.
        difficulty: Of the drawn faces.
        seed: Of the faces and, times 1000, the lowest of the trainings.
    """
    import torch

    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    faces = DrawnFaces(counts=FACES, size=128, difficulty=difficulty, seed=seed)
    with TemporaryDirectory(prefix="faceseg-curves-") as place:
        pack, _ = build_pack(faces, Path(place), LAPA, SIZE, "stop")
        for number, (rate, size) in enumerate(settings(count)):
            for width in WIDTHS:
                if number < len(read_curves(table(folder, width))):
                    continue
                began = time.process_time()
                values = tuple(trained(pack, width, rate, size, seed=1000 * seed + number))
                curve = Curve(rate, size, time.process_time() - began, values)
                append(table(folder, width), curve)
                print(f"{width} {number}: {rate:.5f} x {size}: {max(values):.4f}", flush=True)


def trained(pack: Path, width: int, rate: float, size: int, seed: int) -> Iterator[float]:
    """Train, and yield the validation IoU after each epoch."""
    import torch
    from torch import nn
    from torch.nn import functional

    from faceseg.data.split import Split
    from tests.benchmarks.torch_training import loss_of

    torch.manual_seed(seed)
    split, held_out = Split(pack, "train"), Split(pack, "val")
    stages: list[nn.Module] = []
    channels = 3
    for index, dilation in enumerate((1, *DILATIONS)):
        stride = 1 if index else 2
        stages += [
            nn.Conv2d(channels, width, 3, stride, dilation, dilation, bias=False),
            nn.BatchNorm2d(width, momentum=0.1),
            nn.ReLU(),
        ]
        channels = width
    model = nn.Sequential(*stages, nn.Conv2d(width, CLASSES, 1))
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, eps=1e-7, fused=True)

    def logits(images: torch.Tensor) -> torch.Tensor:
        maps = model(images.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return functional.interpolate(maps, size=SIZE, mode="bilinear")

    data = [torch.from_numpy(np.array(part)) for part in (split.images, split.labels)]
    images = torch.from_numpy(np.array(held_out.images))

    def train(_: int, rows: NDArray[np.int64]) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss_of(logits(data[0][rows]), data[1][rows]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    def predict() -> NDArray[np.int64]:
        model.eval()
        with torch.no_grad():
            found: NDArray[np.int64] = logits(images).argmax(1).numpy()
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


def main(arguments: Iterable[str] | None = None) -> None:
    """Record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=TABLES)
    parser.add_argument("--settings", type=int, default=60)
    parser.add_argument("--difficulty", type=float, default=0.7, help="of the drawn faces")
    parser.add_argument("--seed", type=int, default=0, help="of the faces and the trainings")
    given = parser.parse_args(None if arguments is None else list(arguments))
    record(given.folder, given.settings, given.difficulty, given.seed)


if __name__ == "__main__":
    main()
