"""The accuracy that labels lose on the network's grid, by how they are resized to it.

    python -m tests.benchmarks.label_grid FOLDER [--labels labels] [--sizes 128 64]

Every label map of a folder in LaPa's layout is resized to the grid and back to its own size by the
nearest pixel, and compared with itself. The IoU of a class is thus the most that a network could
reach if it reproduced its training labels exactly and its labels, not its logits, were enlarged.
Classes without a foreground pixel in the folder are left out.
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from faceseg.data.classes import LAPA
from faceseg.data.images import LABEL_RESIZERS, read_labels, resize_labels
from faceseg.metrics.confusion_matrix import class_iou, confusion

METHODS = ("nearest", "majority")


def main(arguments: Iterable[str] | None = None) -> int:
    """Print a table of IoU in percent: a row for each class, a column for each size and method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="labels", help="name of the folder of labels")
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 64])
    given = parser.parse_args(None if arguments is None else list(arguments))
    files = sorted(given.folder.glob(f"*/{given.labels}/*.png"))
    columns = [(size, method) for size in given.sizes for method in METHODS]
    size_of_matrix = (len(LAPA.names),) * 2
    counts = {column: np.zeros(size_of_matrix, np.int64) for column in columns}
    seconds = dict.fromkeys(METHODS, 0.0)
    for file in files:
        labels = read_labels(file, LAPA)
        for size, method in columns:
            began = time.perf_counter()
            small = LABEL_RESIZERS[method](labels, (size, size))
            seconds[method] += time.perf_counter() - began
            back = resize_labels(small, (labels.shape[0], labels.shape[1]))
            counts[size, method] += confusion(labels, back, len(LAPA.names))
    print(f"{len(files)} label maps in {given.folder.name}, IoU in percent")
    print(f"{'':14}" + "".join(f"{f'{size} {method}':>14}" for size, method in columns))
    scores = {column: class_iou(counts[column]) for column in columns}
    for index, name in enumerate(LAPA.names):
        if index and counts[columns[0]][index].sum():
            print(f"{name:14}" + "".join(f"{100 * scores[each][index]:14.2f}" for each in columns))
    means = {each: np.nanmean(scores[each][1:]) for each in columns}
    print(f"{'mean':14}" + "".join(f"{100 * means[each]:14.2f}" for each in columns))
    for method, spent in seconds.items():
        print(f"{method}: {1e3 * spent / len(files) / len(given.sizes):.2f} ms a map")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
