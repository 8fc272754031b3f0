"""Trainings of `experiments/own.yaml` on small data sets in five folds, tested image by image.

FACESEG_DATA contains `facesynth_lapa` and `fasseg_frontal` in LaPa's layout, and
FACESEG_DATA/../weights the encoder's weights. Every image is tested once, by a network that was
trained for as long as a final, with the search's first settings, on the images of the other folds.

Shapes: N images, K kinds of occluders, C classes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

FOLDS = 5
SHARE = 0.35  # of the face, that occluders cover
EXPERIMENTS = Path(__file__).parents[2] / "experiments"
WEIGHTS = "mobilenet_v2_0.35_224_no_top.weights.h5"
SETS = {  # the folder of the labels, and the experiment that has their classes
    "facesynth_lapa": ("labels", "facesynth.yaml"),
    "fasseg_frontal": ("labels_native", "fasseg.yaml"),
}
Matrices = NDArray[np.int64]


@dataclass(frozen=True)
class FoldCounts:
    """The counts of one fold's test images, or of several.

    Attributes:
        ids: The images, (N,).
        clean: Their confusion matrices, (N, C, C).
        occluded: The same with each kind of occluder over a share of the face, (N, K, C, C).
    """

    ids: tuple[str, ...]
    clean: Matrices
    occluded: Matrices


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


@contextmanager
def trained_on_fold(
    name: str, fold: int, architecture: str, settings: Sequence[str]
) -> Iterator[tuple[Any, Any]]:
    """Train on the other folds; yield the predictor, and this fold as a split.

    Args:
        name: A key of `SETS`.
        fold: From 0 to FOLDS - 1.
        architecture: A network of `experiments/own.yaml`.
        settings: Values of `--set`.
    """
    data = Path(os.environ["FACESEG_DATA"]).resolve()
    labels, classes_of = SETS[name]
    classes = yaml.safe_load((EXPERIMENTS / classes_of).read_text("utf-8"))["data"].get("classes")
    with TemporaryDirectory(prefix="faceseg-fold-") as place:
        folder = Path(place) / "images"
        write_fold(data / name, labels, fold, folder)
        overlay = {
            "data": {"path": str(folder), "classes": classes or "lapa"},
            "architectures": {
                each: {"encoder_weights": str(data.parent / "weights" / WEIGHTS)}
                for each in ("unet", "pspnet")
            },
        }
        (file := Path(place) / "fold.yaml").write_text(yaml.safe_dump(overlay))
        with trained("own", architecture, [f"@{file}", *settings]) as found:
            yield found


@contextmanager
def trained(
    experiment: str, architecture: str, settings: Sequence[str]
) -> Iterator[tuple[Any, Any]]:
    """Train as a final of an included experiment; yield the predictor and the test split.

    Args:
        experiment: Its name.
        architecture: A network of the experiment.
        settings: Values of `--set`. They may change the search's first settings, with which a final
            is trained here.
    """
    from rich.console import Console

    import faceseg
    from faceseg.data.split import open_split
    from pipelines.config import load
    from pipelines.data.prepare import prepare
    from pipelines.studies.single_training import run

    file, quiet = EXPERIMENTS / f"{experiment}.yaml", Console(quiet=True)
    own = load(file, settings)
    final = {"epochs": own.finals.epochs, **own.search.first[0]}
    with TemporaryDirectory(prefix="faceseg-trained-") as place:
        # The settings come last, because they may change these.
        given = [f"training.{key}={value}" for key, value in final.items()]
        loaded = load(file, [*given, *settings, f"storage={place}"])
        done = run(loaded, architecture, quiet)
        yield faceseg.load(done.checkpoint), open_split(prepare(loaded, quiet)[0], "test")


def clean_counts(predictor: Any, test: Any) -> Matrices:
    """Return the confusion matrix of each image, (N, C, C)."""
    from faceseg.evaluation.split_evaluation import evaluate_split

    return np.asarray(evaluate_split(predictor, test).counts, dtype=np.int64)


def occluded_counts(predictor: Any, test: Any) -> Matrices:
    """Return the matrices under each kind of occluder at `SHARE`, (N, K, C, C).

    The labels are those of the headline policy.
    """
    from faceseg.evaluation.robustness import evaluate_suite
    from faceseg.robustness.suites import CLEAN, OCCLUSION

    def views_at_share(
        image: Any, labels: Any, image_id: str, kind: str, classes: Any
    ) -> list[Any]:
        views = OCCLUSION.views(image, labels, image_id, kind, classes)
        return views if kind == CLEAN else [views[OCCLUSION.severities(kind).index(SHARE)]]

    suite = replace(OCCLUSION, severities=lambda _: (SHARE,), views=views_at_share)
    kinds = [
        kind for kind in OCCLUSION.kinds(predictor.classes) if SHARE in OCCLUSION.severities(kind)
    ]
    conditions = evaluate_suite(predictor, test, suite, kinds, len(test))[1:]  # without clean
    return np.stack([each.counts[suite.policies[0]] for each in conditions], 1).astype(np.int64)
