"""What `experiments/own.yaml` reaches on small data sets: five folds, pooled.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.own_photographs [--set KEY=VALUE ...]

The data and the folds are those of `tests.benchmarks.folds`. Confusion matrices are summed over all
images, so that the IoU is that of one test of the whole set.
"""

import argparse
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.folds import FOLDS, SETS, clean_counts, trained_on_fold
from tests.benchmarks.machine import described


def score_fold(
    name: str, fold: int, architecture: str, settings: tuple[str, ...]
) -> NDArray[np.int64]:
    """Train on the other folds and test on this one; return the confusion matrix, (C, C)."""
    with trained_on_fold(name, fold, architecture, settings) as (predictor, test):
        return clean_counts(predictor, test).sum(axis=0)


def main(arguments: Iterable[str] | None = None) -> None:
    """Train all folds of the sets, two at a time; print the pooled IoU."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--architectures", nargs="+", default=["unet"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "keras"), flush=True)
    for name in given.sets:
        for architecture in given.architectures:
            began = time.perf_counter()
            with ProcessPoolExecutor(
                2, mp_context=get_context("spawn"), max_tasks_per_child=1
            ) as pool:
                waiting = [
                    pool.submit(score_fold, name, fold, architecture, tuple(given.settings))
                    for fold in range(FOLDS)
                ]
                counts = [each.result() for each in waiting]
            folds = ", ".join(f"{_foreground_iou(each):.3f}" for each in counts)
            print(
                f"{name} {architecture}: IoU {_foreground_iou(sum(counts)):.4f}, pooled over"
                f" {FOLDS} folds ({folds}); {time.perf_counter() - began:.0f} s",
                flush=True,
            )


def _foreground_iou(counts: NDArray[np.int64]) -> float:
    from faceseg.metrics.confusion_matrix import class_iou, mean_of_defined

    return float(mean_of_defined(class_iou(counts)[1:]))


if __name__ == "__main__":
    main()
