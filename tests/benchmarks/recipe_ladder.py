"""What each option of the recipe gains over today's defaults, with its interval.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.recipe_ladder [--sets …] [--rungs …] [--seeds 1]
    python -m tests.benchmarks.recipe_ladder --sets drawn --seeds 3

Each option of experiments/recipe is tested alone, and all of them with the mirrored mean, at the
same optimiser steps. The small sets are tested in five folds, pooled (`tests.benchmarks.folds`);
`drawn` is the quickstart's 480 faces, tested on 96 (`--drawn data.drawn.train=800 …` makes more of
it on a GPU). Finished trainings are kept in results/recipe-ladder, so that an interrupted ladder
resumes. Intervals: bootstrap over photographs, and the noise of trainings where there are several
seeds (docs/protocol.md).
"""

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from faceseg.statistics import (
    Resampling,
    estimate_difference,
    mean_iou,
    overlap_counts,
    resample_score,
)
from tests.benchmarks.folds import (
    EXPERIMENTS,
    FOLDS,
    SETS,
    FoldCounts,
    clean_counts,
    occluded_counts,
    trained,
    trained_on_fold,
)
from tests.benchmarks.machine import described

BASE, MIRRORED, ALL, DRAWN = "today", "mirrored", "all", "drawn"
OPTIONS = {each.stem: each for each in sorted((EXPERIMENTS / "recipe").glob("*.yaml"))}
RUNGS = (BASE, MIRRORED, *OPTIONS, ALL)
RESULTS = Path("results/recipe-ladder")


@dataclass(frozen=True)
class Training:
    """One training of the ladder.

    Attributes:
        name: Its data set.
        fold: The fold that it is tested on.
        seed: Its seed.
        architecture: Its network.
        settings: Values of `--set`.
        mirrored: Whether the mean with the mirror image is tested too.
    """

    name: str
    fold: int
    seed: int
    architecture: str
    settings: tuple[str, ...]
    mirrored: bool = False

    def file(self, *, mirrored: bool = False) -> Path:
        """Return where the counts are kept, by the settings; remove them when the data change."""
        contents = [Path(each[1:]).read_text("utf-8") for each in self.settings if each[0] == "@"]
        text = json.dumps([self.name, self.fold, self.seed, self.architecture, *contents])
        text += json.dumps([each for each in self.settings if each[0] != "@"])
        name = blake2b(text.encode(), digest_size=10).hexdigest()
        return RESULTS / f"{name}{'-mirrored' * mirrored}.npz"


def run_training(training: Training) -> None:
    """Train; store the counts of the network, and of its mean with its mirror image if wanted."""
    given = (*training.settings, f"seed={training.seed}")
    if training.name == DRAWN:
        training_run = trained("quickstart", training.architecture, given)
    else:
        training_run = trained_on_fold(training.name, training.fold, training.architecture, given)
    RESULTS.mkdir(parents=True, exist_ok=True)
    with training_run as (predictor, test):
        views = (True, False) if training.mirrored else (False,)
        for mirrored in views:  # the last file marks the training as done
            tested = predictor.mirrored() if mirrored else predictor
            clean, occluded = clean_counts(tested, test), occluded_counts(tested, test)
            file = training.file(mirrored=mirrored)
            partial = file.with_suffix(".partial.npz")
            np.savez_compressed(partial, ids=test.ids, clean=clean, occluded=occluded)
            partial.rename(file)


def trainings(name: str, rung: str, given: argparse.Namespace) -> list[list[Training]]:
    """Return the trainings of a rung: for each seed, its folds."""
    options = [rung] if rung in OPTIONS else []
    if rung == ALL:
        options = [each for each in OPTIONS if each not in given.leave_out]
    settings = [f"@{OPTIONS[each]}" for each in options]
    if name == DRAWN:
        settings = [*given.drawn, *settings]
    folds = range(FOLDS) if name in SETS else range(1)
    return [
        [
            Training(
                name,
                fold,
                seed,
                given.architecture,
                tuple(settings),
                mirrored=rung in {BASE, MIRRORED, ALL},
            )
            for fold in folds
        ]
        for seed in range(1, given.seeds + 1)
    ]


def read(by_seed: Sequence[Sequence[Training]], *, mirrored: bool) -> FoldCounts:
    """Return the counts of a rung with the seeds as first axis: (S, N, …)."""
    ids: tuple[str, ...] = ()
    clean, occluded = [], []
    for folds in by_seed:
        files = [np.load(each.file(mirrored=mirrored)) for each in folds]
        ids = tuple(str(each) for file in files for each in file["ids"])
        clean.append(np.concatenate([file["clean"] for file in files]))
        occluded.append(np.concatenate([file["occluded"] for file in files]))
    return FoldCounts(ids=ids, clean=np.stack(clean), occluded=np.stack(occluded))


def gain(better: FoldCounts, base: FoldCounts, *, occluded: bool) -> str:
    """Return the difference of the pooled foreground IoU with its 95 % interval, in points."""
    resampling = Resampling(base.ids)
    scores = [
        resample_score(
            overlap_counts(each.occluded.sum(axis=2) if occluded else each.clean),
            mean_iou,
            resampling,
        )
        for each in (better, base)
    ]
    found = estimate_difference(*scores)
    points = tuple(100 * each for each in (found.value, found.low, found.high))
    return f"{points[0]:+.1f} ({points[1]:+.1f} to {points[2]:+.1f})"


def iou(counts: FoldCounts, *, occluded: bool) -> float:
    """Return the pooled foreground IoU, the mean over seeds."""
    matrices = counts.occluded.sum(axis=2) if occluded else counts.clean
    return float(np.mean(mean_iou(overlap_counts(matrices).sum(axis=1).astype(np.float64))))


def main() -> None:
    """Run what is missing, two trainings at a time, and print one table for each set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=[*SETS, DRAWN], default=list(SETS))
    parser.add_argument("--rungs", nargs="+", choices=RUNGS, default=RUNGS)
    parser.add_argument("--leave-out", nargs="+", choices=OPTIONS, default=[], help=f"of {ALL}")
    parser.add_argument("--architecture", default="unet")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--drawn", nargs="+", default=[], metavar="KEY=VALUE", help="of `drawn`")
    given = parser.parse_args()
    print(described("tensorflow", "keras"), flush=True)
    for name in given.sets:
        wanted = {
            rung: trainings(name, rung, given) for rung in dict.fromkeys([BASE, *given.rungs])
        }
        missing = {
            each.file(): each
            for by_seed in wanted.values()
            for folds in by_seed
            for each in folds
            if not each.file().exists()
        }
        began = time.perf_counter()
        with ProcessPoolExecutor(
            given.workers, mp_context=get_context("spawn"), max_tasks_per_child=1
        ) as pool:
            list(pool.map(run_training, missing.values()))
        print(f"\n{name}: {len(missing)} trainings, {time.perf_counter() - began:.0f} s\n")
        print("| option | IoU | gain, points | IoU at 35 % occluded | gain, points |")
        print("|---|---|---|---|---|")
        base = read(wanted[BASE], mirrored=False)
        for rung, by_seed in wanted.items():
            found = read(by_seed, mirrored=rung in (MIRRORED, ALL))
            cells = [rung]
            for occluded in (False, True):
                cells.append(f"{iou(found, occluded=occluded):.3f}")
                cells.append("" if rung == BASE else gain(found, base, occluded=occluded))
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
