"""The time of the robustness suites at 800 px: drawing, predicting and counting, and together.

    python -m tests.benchmarks.suites [--size 800]

Six drawn faces are evaluated under one kind each of occlusion and geometry, with the quickstart's
U-Net (64 px). The peer is the straightforward implementation, which was faceseg's own: logits
resized as a whole, `np.argmax`, `np.bincount`, by the thread that also runs the network. First the
matrices of both are compared. Then the parts are timed one by one on one core, and the whole on one
core with one thread and on two with two. An "image" of the tables is one under one condition.
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceseg.data.prefetch import prefetch_map
from faceseg.data.split import Split
from faceseg.robustness.suites import CLEAN, SUITES, View
from tests.benchmarks.interleaved_timing import Work, Workload, table, time_in_turns
from tests.benchmarks.machine import described

GRID, IMAGES, BATCH = 64, 6, 16
UNET = {"alpha": 0.35, "width": 0.5, "encoder_weights": "none"}
KINDS = {"occlusion": "blob", "geometry": "roll"}
HERE = "tests.benchmarks.suites"

Matrix = NDArray[np.int64]
NamedView = tuple[str, View]  # with its kind


class Material:
    """The network and the images, prepared in the process of a contender."""

    def __init__(self, folder: str, threads: int) -> None:
        import cv2

        import faceseg
        from faceseg.backends.device import configure_device
        from faceseg.data.classes import LAPA
        from faceseg.inference.predictor import Predictor

        cv2.setNumThreads(threads)
        configure_device(threads)
        network = faceseg.build("unet", (GRID, GRID, 3), len(LAPA), **UNET)
        self.predictor, self.threads = Predictor(network, LAPA), threads
        self.split = Split(folder, "test")
        self.tasks = [
            (suite, index, kind)
            for suite, only in KINDS.items()
            for index in range(IMAGES)
            for kind in (CLEAN, only)
        ]

    def draw(self, task: tuple[str, int, str]) -> list[NamedView]:
        """Return the views of an image under a kind."""
        suite, index, kind = task
        image, labels = self.split.original(index)
        identity, classes = self.split.ids[index], self.predictor.classes
        views = SUITES[suite].views(image, labels, identity, kind, classes)
        return [(kind, view) for view in views]


def write_images(folder: Path, size: int) -> str:
    """Write a pack with the split 'test'; return its folder."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.pack import build_pack

    counts = {"train": 1, "val": 1, "test": IMAGES}
    drawn = DrawnFaces(counts=counts, size=size, difficulty=0.7)
    return str(build_pack(drawn, folder, LAPA, (GRID, GRID))[0])


# --- The straightforward implementation.


def plain_confusion(truth: NDArray[np.uint8], predicted: NDArray[np.uint8], classes: int) -> Matrix:
    """Return the confusion matrix, with the checks that faceseg has always made."""
    ignored = truth == 255
    if (((truth >= classes) | (predicted >= classes)) & ~ignored).any():
        raise ValueError("an id is out of range")
    codes = truth.astype(np.int64) * classes + predicted
    codes[ignored] = classes**2
    counts = np.bincount(codes.ravel(), minlength=classes**2 + 1)[:-1]
    return counts.reshape(classes, classes)


def plain_counts(view: View, logits: NDArray[np.float32], clean: Any) -> tuple[list[Matrix], Any]:
    """Return the matrices of a view, by policy, and its labels."""
    from faceseg.inference.predictor import resize_logits

    resized = resize_logits(logits, view.image.shape[:2])
    predicted, classes = np.argmax(resized, axis=-1).astype(np.uint8), logits.shape[-1]
    truths = list(view.truth.values())
    if view.move is not None:
        truths.append(view.move(predicted if clean is None else clean))
    matrices = [plain_confusion(truth, predicted, classes) for truth in truths]
    if view.occlusion is not None and view.occlusion.label is not None:
        mask = view.occlusion.mask
        matrices.append(plain_confusion(view.labels[mask], predicted[mask], classes))
    return matrices, predicted


def plain_suites(material: Material) -> list[Matrix]:
    """Evaluate all views: drawn in threads, everything else here."""
    drawn = prefetch_map(material.draw, material.tasks, material.threads)
    waiting: Iterator[NamedView] = (view for views in drawn for view in views)
    clean, found = None, []
    while chunk := list(islice(waiting, BATCH)):
        batch = material.predictor.logits([view.image for _, view in chunk])
        for (kind, view), logits in zip(chunk, batch, strict=True):
            matrices, predicted = plain_counts(view, logits, None if kind == CLEAN else clean)
            clean = predicted if kind == CLEAN else clean
            found += matrices
    return found


# --- The contenders.


def our_suites(material: Material) -> list[Matrix]:
    """Evaluate all views by faceseg."""
    from faceseg.evaluation.robustness import evaluate_suite

    given = {"threads": material.threads, "batch_size": BATCH}
    return [
        matrix.astype(np.int64)
        for suite, kind in KINDS.items()
        for condition in evaluate_suite(
            material.predictor, material.split, SUITES[suite], [kind], IMAGES, **given
        )
        for counts in (*condition.counts.values(), condition.covered)
        if counts is not None
        for matrix in counts
    ]


def whole(folder: str, threads: int, ours: bool) -> Work:
    """Return the whole evaluation."""
    material = Material(folder, threads)
    count = sum(len(material.draw(task)) for task in material.tasks)

    def work() -> int:
        our_suites(material) if ours else plain_suites(material)
        return count

    return work


def part(folder: str, name: str) -> Work:
    """Return one part of the evaluation, on one thread."""
    from faceseg.inference.predictor import labels_from_logits
    from faceseg.robustness.conditions import count_view

    material = Material(folder, threads=1)
    views = [view for task in material.tasks for _, view in material.draw(task)]
    images = [view.image for view in views]
    batches = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
    logits = [each for batch in batches for each in material.predictor.logits(batch)]
    size, classes = images[0].shape[:2], len(material.predictor.classes)
    clean = labels_from_logits(logits[0], size)

    def count() -> None:
        for view, each in zip(views, logits, strict=True):
            count_view(view, labels_from_logits(each, size), lambda: clean, classes)

    parts: dict[str, Callable[[], Any]] = {
        "drawing": lambda: [material.draw(task) for task in material.tasks],
        "predicting": lambda: [material.predictor.logits(batch) for batch in batches],
        "counting, straightforward": lambda: [
            plain_counts(view, each, clean) for view, each in zip(views, logits, strict=True)
        ],
        "counting, faceseg": count,
    }

    def work() -> int:
        parts[name]()
        return len(views)

    return work


PARTS = ("counting, straightforward", "counting, faceseg", "drawing", "predicting")


def check_equality(folder: str) -> None:
    """Print the number of matrices; AssertionError if the implementations' are not the same."""
    material = Material(folder, threads=2)
    found, expected = (  # in another order: one image after the other, or one condition
        Counter(matrix.tobytes() for matrix in suites(material))
        for suites in (our_suites, plain_suites)
    )
    assert found == expected, "the implementations count differently"
    print(f"{found.total()} matrices are equal", flush=True)


def main(arguments: Iterable[str] | None = None) -> None:
    """Compare the matrices, then print three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=int, default=800, help="of the photographs in pixels")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "numpy", "opencv-python-headless"), flush=True)
    with tempfile.TemporaryDirectory(prefix="faceseg-suites-") as place:
        folder = write_images(Path(place), given.size)
        check_equality(folder)
        tables = {
            "the parts, one thread": [
                Workload(name, f"{HERE}:part", {"folder": folder, "name": name}, 1)
                for name in PARTS
            ]
        }
        for threads in (1, 2):
            tables[f"together, threads: {threads}"] = [
                Workload(
                    name, f"{HERE}:whole", {"folder": folder, "threads": threads, **ours}, threads
                )
                for name, ours in (
                    ("straightforward", {"ours": False}),
                    ("faceseg", {"ours": True}),
                )
            ]
        for title, contenders in tables.items():
            scores = time_in_turns(contenders, given.rounds)
            print(f"\n{title}\n{table(scores, milliseconds=True)}", flush=True)


if __name__ == "__main__":
    main()
