"""What `experiments/own.yaml` reaches on small data sets: five folds, pooled.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.own_photographs [--set KEY=VALUE ...]

FOLDER contains `facesynth_lapa` and `fasseg_frontal` in LaPa's layout; FOLDER/../weights contains
the encoder's weights. Every image is tested once, by a network that was trained for as long as a
final, with the search's first settings, on the images of the other folds. Confusion matrices are
summed over all images, so that the IoU is that of one test of the whole set.
"""

import argparse
import os
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from numpy.typing import NDArray

from tests.benchmarks.machine import described

FOLDS = 5
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
WEIGHTS = "mobilenet_v2_0.35_224_no_top.weights.h5"
SETS = {  # the folder of the labels, and the experiment that has their classes
    "facesynth_lapa": ("labels", "facesynth.yaml"),
    "fasseg_frontal": ("labels_native", "fasseg.yaml"),
}


def write_fold(source: Path, labels: str, fold: int, folder: Path) -> None:
    """Link the images of one fold: every fifth is of `test`, a tenth of the others of `val`."""
    others = 0
    images = sorted(source.glob("*/images/*"), key=lambda path: path.name)
    for number, image in enumerate(images):
        if number % FOLDS == fold:
            split = "test"
        else:
            split = "val" if others % 10 == 0 else "train"
            others += 1
        for kind, file in (
            ("images", image),
            ("labels", image.parents[1] / labels / f"{image.stem}.png"),
        ):
            place = folder / split / kind
            place.mkdir(parents=True, exist_ok=True)
            (place / file.name).symlink_to(file)


def score_fold(
    name: str, fold: int, architecture: str, settings: tuple[str, ...]
) -> NDArray[np.int64]:
    """Train on the other folds and test on this one; return the confusion matrix, (C, C)."""
    from rich.console import Console

    import faceseg
    from faceseg.data.images import read_image, read_labels
    from faceseg.metrics.confusion_matrix import confusion
    from pipelines.config import load
    from pipelines.studies.single_training import run

    data = Path(os.environ["FACESEG_DATA"]).resolve()
    labels, classes_of = SETS[name]
    classes = yaml.safe_load((EXPERIMENTS / classes_of).read_text("utf-8"))["data"].get("classes")
    with TemporaryDirectory(prefix="faceseg-own-") as place:
        folder = Path(place) / "images"
        write_fold(data / name, labels, fold, folder)
        (overlay := Path(place) / "fold.yaml").write_text(
            yaml.safe_dump(
                {
                    "storage": f"{place}/results",
                    "data": {"path": str(folder), "classes": classes or "lapa"},
                    "architectures": {
                        each: {"encoder_weights": str(data.parent / "weights" / WEIGHTS)}
                        for each in ("unet", "pspnet")
                    },
                }
            )
        )
        given = [f"@{overlay}", *settings]
        own = load(EXPERIMENTS / "own.yaml", given)
        final = {"epochs": own.finals.epochs, **own.search.first[0]}
        given += [f"training.{key}={value}" for key, value in final.items()]
        trained = run(load(EXPERIMENTS / "own.yaml", given), architecture, Console(quiet=True))
        predictor = faceseg.load(trained.checkpoint)
        total = np.zeros((len(predictor.classes),) * 2, dtype=np.int64)
        for image in sorted((folder / "test" / "images").iterdir()):
            truth = read_labels(folder / f"test/labels/{image.stem}.png", predictor.classes)
            total += confusion(truth, predictor.predict(read_image(image)), len(predictor.classes))
    return total


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
