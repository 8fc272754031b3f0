"""How well a parser that was trained on drawn faces alone labels photographs.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.drawn_parser [--variants …] [--workers 2]
    FACESEG_DATA=FOLDER python -m tests.benchmarks.drawn_parser --network FILE.keras

FACESEG_DATA contains `facesynth_lapa` (100 rendered faces) and `fasseg_frontal` (64 photographs)
in LaPa's layout. No image of them is trained on, so all of them are tested. Each variant changes
one thing in `experiments/drawn-parser.yaml`, at the same number of optimiser steps. Finished
variants are kept in results/drawn-parser; remove them when the code of the drawn faces changes.
"""

import argparse
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.images import read_image, read_labels
from faceseg.metrics.confusion_matrix import class_iou, confusion
from faceseg.statistics import (
    Resampling,
    estimate,
    mean_iou,
    overlap_counts,
    resample_score,
)
from pipelines.config import load
from tests.benchmarks.folds import EXPERIMENTS, clean_counts, trained
from tests.benchmarks.machine import described

Matrices = NDArray[np.int64]

RESULTS = Path("results/drawn-parser")
FASSEG = load(EXPERIMENTS / "fasseg.yaml", ()).data.class_set
# FASSEG's class of each of LaPa's: its hair has the brows, and its mouth the lips.
FASSEG_OF_LAPA = np.array([0, 1, 2, 2, 3, 3, 4, 5, 5, 5, 2])
SETS = {  # the folder of the labels, their classes, and the class of each of LaPa's
    "facesynth_lapa": ("labels", LAPA, np.arange(len(LAPA.names))),
    "fasseg_frontal": ("labels_native", FASSEG, FASSEG_OF_LAPA),
}
RECIPE = EXPERIMENTS / "recipe"
MANY = ("data.drawn.train=12000", "training.epochs=2")
VARIANTS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "difficulty 0.3": ("data.drawn.difficulty=0.3",),
    "difficulty 1.5": ("data.drawn.difficulty=1.5",),
    "500 faces": ("data.drawn.train=500", "training.epochs=48"),
    "12,000 faces": MANY,
    "wide augmentation": (f"@{RECIPE / 'augmentation.yaml'}",),
    "occluders": (f"@{RECIPE / 'occluders.yaml'}",),
}


def images_of(name: str) -> list[tuple[Path, Path]]:
    """Return the images of all splits of a set with their labels, in the order of their names."""
    root = Path(os.environ["FACESEG_DATA"]) / name
    images = sorted(root.glob("*/images/*"), key=lambda path: path.name)
    labels = SETS[name][0]
    return [(each, each.parents[1] / labels / f"{each.stem}.png") for each in images]


def photograph_counts(predictor: Any, name: str) -> Matrices:
    """Return the confusion matrix of each image of a set, (N, C, C)."""
    _, classes, class_of = SETS[name]
    found = [
        confusion(
            read_labels(labels, classes),
            class_of[predictor.predict(read_image(image))],
            len(classes.names),
        )
        for image, labels in images_of(name)
    ]
    return np.asarray(found, dtype=np.int64)


def run_variant(name: str) -> None:
    """Train one variant; store its counts on the drawn test faces and on the photographs."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with trained("drawn-parser", "unet", VARIANTS[name]) as (predictor, test):
        counts = {each: photograph_counts(predictor, each) for each in SETS}
        counts["drawn"] = clean_counts(predictor, test)
    partial = RESULTS / f"{name}.partial.npz"
    np.savez_compressed(partial, allow_pickle=False, **counts)
    partial.rename(RESULTS / f"{name}.npz")


def interval(counts: Matrices) -> str:
    """Return the pooled foreground IoU with its 95 % interval over images."""
    photos = Resampling(tuple(str(number) for number in range(len(counts))))
    found = estimate(resample_score(overlap_counts(counts[None]), mean_iou, photos))
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def table(found: Mapping[str, Mapping[str, Matrices]]) -> str:
    """Return a table of the scores, and one of the classes for each set of photographs."""
    lines = ["| variant | drawn | facesynth_lapa | fasseg_frontal |", "|---|---|---|---|"]
    for variant, counts in found.items():
        cells = [interval(counts[name]) if name in counts else "" for name in ("drawn", *SETS)]
        lines.append(f"| {' | '.join([variant, *cells])} |")
    for name, (_, classes, _) in SETS.items():
        lines += [
            "",
            f"| {name} | {' | '.join(classes.names[1:])} |",
            "|---" * len(classes.names) + "|",
        ]
        for variant, counts in found.items():
            scores = [f"{each:.2f}" for each in class_iou(counts[name].sum(axis=0))[1:]]
            lines.append(f"| {' | '.join([variant, *scores])} |")
    return "\n".join(lines)


def main() -> None:
    """Train the variants that are missing, or test one network; print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--network", type=Path)
    given = parser.parse_args()
    print(described("tensorflow", "keras"), flush=True)
    if given.network:
        import faceseg

        predictor = faceseg.load(given.network)
        print(
            table({given.network.name: {each: photograph_counts(predictor, each) for each in SETS}})
        )
        return
    missing = [each for each in given.variants if not (RESULTS / f"{each}.npz").exists()]
    began = time.perf_counter()
    with ProcessPoolExecutor(
        given.workers, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        list(pool.map(run_variant, missing))
    print(f"{len(missing)} trainings, {time.perf_counter() - began:.0f} s\n")
    print(table({each: dict(np.load(RESULTS / f"{each}.npz")) for each in given.variants}))


if __name__ == "__main__":
    main()
