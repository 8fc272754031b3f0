"""Trainings of `experiments/own.yaml` on small data sets in five folds, tested image by image.

FACESEG_DATA contains `facesynth_lapa` and `fasseg_frontal` in LaPa's layout, and
FACESEG_DATA/../weights the encoder's weights. Every image is tested once, by a network that was
trained for as long as a final, with the search's first settings, on the images of the other folds.

Shapes: N images, K kinds of occluders, C classes.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
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
    """The counts of one fold's test images.

    Attributes:
        ids: The images, (N,).
        clean: Their confusion matrices, (N, C, C).
        occluded: The same with each kind of occluder over a share of the face, (N, K, C, C); K is 0
            if occluders were not tested.
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


def score_fold(
    name: str, fold: int, architecture: str, settings: Sequence[str], *, occluded: bool = False
) -> FoldCounts:
    """Train on the other folds and test on this one.

    Args:
        name: A key of `SETS`.
        fold: From 0 to FOLDS - 1.
        architecture: A network of `experiments/own.yaml`.
        settings: Values of `--set`.
        occluded: Whether to test under every kind of occluder too.
    """
    data = Path(os.environ["FACESEG_DATA"]).resolve()
    labels, classes_of = SETS[name]
    classes = yaml.safe_load((EXPERIMENTS / classes_of).read_text("utf-8"))["data"].get("classes")
    with TemporaryDirectory(prefix="faceseg-own-") as place:
        folder = Path(place) / "images"
        write_fold(data / name, labels, fold, folder)
        overlay = {
            "storage": f"{place}/results",
            "data": {"path": str(folder), "classes": classes or "lapa"},
            "architectures": {
                each: {"encoder_weights": str(data.parent / "weights" / WEIGHTS)}
                for each in ("unet", "pspnet")
            },
        }
        return train_and_test("own", overlay, architecture, settings, occluded=occluded)


def train_and_test(
    experiment: str,
    overlay: dict[str, Any],
    architecture: str,
    settings: Sequence[str],
    *,
    occluded: bool,
) -> FoldCounts:
    """Train as a final of an included experiment would, and test.

    Args:
        experiment: Its name.
        overlay: What differs, as in a YAML file; `storage` is a folder of this training alone.
        architecture: A network of the experiment.
        settings: Values of `--set`, after the overlay.
        occluded: Whether to test under every kind of occluder too.
    """
    from rich.console import Console

    import faceseg
    from faceseg.data.split import open_split
    from faceseg.evaluation.split_evaluation import evaluate_split
    from pipelines.config import load
    from pipelines.data.prepare import prepare
    from pipelines.studies.single_training import run

    quiet = Console(quiet=True)
    file = Path(overlay["storage"]).with_suffix(".yaml")
    file.write_text(yaml.safe_dump(overlay))
    given = [f"@{file}", *settings]
    loaded = load(EXPERIMENTS / f"{experiment}.yaml", given)
    final = {"epochs": loaded.finals.epochs, **loaded.search.first[0]}
    # The settings come last: they may change what the search's first settings say.
    given = [f"@{file}", *(f"training.{key}={value}" for key, value in final.items()), *settings]
    loaded = load(EXPERIMENTS / f"{experiment}.yaml", given)
    trained = run(loaded, architecture, quiet)
    predictor = faceseg.load(trained.checkpoint)
    test = open_split(prepare(loaded, quiet)[0], "test")
    clean = evaluate_split(predictor, test).counts
    covered = _occluded_counts(predictor, test) if occluded else clean[:, None][:, :0]
    return FoldCounts(ids=test.ids, clean=clean, occluded=covered)


def _occluded_counts(predictor: Any, test: Any) -> Matrices:
    """Return the matrices under each kind at `SHARE`, labels as the headline policy has them."""
    from faceseg.evaluation.robustness import evaluate_suite
    from faceseg.robustness.suites import OCCLUSION

    kinds = [
        kind for kind in OCCLUSION.kinds(predictor.classes) if SHARE in OCCLUSION.severities(kind)
    ]
    conditions = evaluate_suite(predictor, test, OCCLUSION, kinds, len(test))
    found = [each.counts[OCCLUSION.policies[0]] for each in conditions if each.severity == SHARE]
    return np.stack(found, axis=1).astype(np.int64)
