"""Images a second from disk to batches of 256 px: the notebook and faceseg, on one core.

    python -m tests.benchmarks.input [--images 96] [--rounds 7]
    python -m tests.benchmarks.input --parts     # the parts of the augmentation of an image
    python -m tests.benchmarks.input --recipes   # options of experiments/recipe that change images

The notebook of the reference study decodes every image in each epoch: cv2 in a `numpy_function` of
`tf.data`, one at a time, pixels as floats in [0, 1], labels one-hot. It is rewritten here from its
description, with and without the augmentation in its report (rotation, zoom, translation, flip).
faceseg reads a pack and augments: the same affine map and photometric changes, in uint8. Faces are
drawn at 512 px and stored as JPEG and PNG; all processes are bound to the same core.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from tests.benchmarks.interleaved_timing import Work, Workload, table, time_in_turns
from tests.benchmarks.machine import described

SIZE, GRID, BATCH, CLASSES = 512, 256, 8, 11
RUNS = 400  # of each part
ROTATION, ZOOM, SHIFT = 10.0, 0.1, 0.1  # from the report: degrees, shares


def make_files(folder: Path, images: int) -> None:
    """Draw faces, store them in LaPa's layout (images/*.jpg, labels/*.png), and pack them."""
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import DrawnFaces
    from faceseg.data.lapa import LapaFolder
    from faceseg.data.pack import build_pack

    for split, count in (("train", images), ("val", 1), ("test", 1)):
        place = folder / "LaPa" / split
        for name in ("images", "labels"):
            (place / name).mkdir(parents=True)
        faces = DrawnFaces(counts={split: count}, size=SIZE).items(split)
        for number, item in enumerate(faces):
            image, labels = item.read()
            stem = f"{split}{number:05}_0"
            cv2.imwrite(str(place / "images" / f"{stem}.jpg"), image[..., ::-1])
            cv2.imwrite(str(place / "labels" / f"{stem}.png"), labels)
    layout = LapaFolder(folder / "LaPa", "labels", LAPA)
    pack, _ = build_pack(layout, folder / "packs", LAPA, (GRID, GRID), "stop")
    (folder / "pack.json").write_text(json.dumps(str(pack)))


def notebook(folder: Path, augmented: bool) -> Work:
    """Return an epoch of the notebook's pipeline."""
    import tensorflow as tf

    draws = np.random.default_rng(0)
    cv2.setNumThreads(1)
    images = sorted(map(str, (folder / "LaPa/train/images").glob("*.jpg")))
    masks = sorted(map(str, (folder / "LaPa/train/labels").glob("*.png")))

    def read(image_path: bytes, mask_path: bytes) -> Any:
        image = cv2.resize(cv2.imread(image_path.decode(), cv2.IMREAD_COLOR), (GRID, GRID))
        mask = cv2.imread(mask_path.decode(), cv2.IMREAD_GRAYSCALE)
        mask = cv2.resize(mask, (GRID, GRID))
        if augmented:
            image, mask = _augmented(image, mask, draws)
        return (image / 255.0).astype(np.float32), mask.astype(np.int32)

    def parse(image_path: Any, mask_path: Any) -> Any:
        image, mask = tf.numpy_function(read, [image_path, mask_path], [tf.float32, tf.int32])
        mask = tf.one_hot(mask, CLASSES, dtype=tf.int32)
        image.set_shape([GRID, GRID, 3])
        mask.set_shape([GRID, GRID, CLASSES])
        return image, mask

    data = tf.data.Dataset.from_tensor_slices((images, masks)).map(parse).batch(BATCH).prefetch(2)

    def epoch() -> int:
        return sum(int(batch[0].shape[0]) for batch in data)

    return epoch


def _augmented(image: Any, mask: Any, draws: np.random.Generator) -> Any:
    """Return both rotated, zoomed, shifted and possibly flipped in the same way."""
    turn = cv2.getRotationMatrix2D(
        (GRID / 2, GRID / 2), draws.uniform(-ROTATION, ROTATION), 1 + draws.uniform(-ZOOM, ZOOM)
    )
    turn[:, 2] += draws.uniform(-SHIFT, SHIFT, 2) * GRID
    image = cv2.warpAffine(image, turn, (GRID, GRID))
    mask = cv2.warpAffine(mask, turn, (GRID, GRID), flags=cv2.INTER_NEAREST)
    if draws.random() < 0.5:
        image, mask = cv2.flip(image, 1), cv2.flip(mask, 1)
    return image, mask


def ours(folder: Path, augmented: bool) -> Work:
    """Return an epoch of our batches."""
    from faceseg.data.augmentation import Augmentation
    from faceseg.data.batches import TrainingBatches
    from faceseg.data.classes import LAPA
    from faceseg.data.split import Split

    cv2.setNumThreads(1)
    split = Split(json.loads((folder / "pack.json").read_text()), "train")
    augmentation = Augmentation() if augmented else Augmentation(strength=0)
    batches = TrainingBatches(
        split, BATCH, seed=0, augmentation=augmentation, classes=LAPA, threads=1
    )

    def epochs() -> int:
        numbers = range(len(batches))  # of ten epochs: one would be over before it can be timed
        return sum(len(batches.batch(epoch, each)[0]) for epoch in range(10) for each in numbers)

    return epochs


def cost_of_augmentation(folder: Path) -> Work:
    """Return an epoch of the notebook's augmentation alone, on pixels in memory."""
    from faceseg.data.split import Split

    split = Split(json.loads((folder / "pack.json").read_text()), "train")
    images, labels, draws = np.array(split.images), np.array(split.labels), np.random.default_rng(0)

    def epoch() -> int:
        for image, label in zip(images, labels, strict=True):
            _augmented(image, label, draws)
        return len(images)

    return epoch


def parts() -> Iterator[tuple[str, float]]:
    """Yield what our augmentation of an image is made of, in milliseconds of processor time."""
    from faceseg.data import augmentation
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import draw_face

    cv2.setNumThreads(1)
    face, settings = draw_face(("parts", 0), GRID), augmentation.Augmentation()
    image, labels = face.image, face.labels
    changes = [augmentation.sample_transform(settings, (0, 1, index)) for index in range(RUNS)]
    places = [augmentation.affine_matrix(each, GRID, GRID) for each in changes]
    four = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    reflected = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT_101}
    size = (GRID, GRID)
    whole: dict[str, Callable[[int], Any]] = {
        "together": lambda i: augmentation.augment(image, labels, settings, LAPA, (0, 1, i)),
        "random numbers": lambda i: augmentation.sample_transform(settings, (0, 1, i)),
        "flipping half of the images": lambda i: augmentation.flip(image, labels, LAPA),
        "affine map": lambda i: augmentation.affine_matrix(changes[i], GRID, GRID),
        "to four channels": lambda i: cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
        "and back": lambda i: cv2.cvtColor(four, cv2.COLOR_RGBA2RGB),
        "warping the image, four channels": lambda i: cv2.warpAffine(
            four, places[i], size, **reflected
        ),
        "(three channels)": lambda i: cv2.warpAffine(image, places[i], size, **reflected),
        "warping the labels": lambda i: cv2.warpAffine(
            labels, places[i], size, flags=cv2.INTER_NEAREST, borderValue=255
        ),
        "light and contrast": lambda i: augmentation.apply_transform(
            image, labels, augmentation.Transform(contrast=changes[i].contrast), LAPA
        ),
    }
    for name, run in whole.items():
        spent = []
        for _ in range(7):
            started = time.process_time()
            for index in range(RUNS):
                run(index)
            spent.append(1000 * (time.process_time() - started) / RUNS)
        yield name, min(spent)


def recipes() -> Iterator[tuple[str, float]]:
    """Yield the images that one core augments in a second of processor time, by option.

    The options are timed in turns, and the fastest turn of each counts: a machine that other
    programs use as well slows each down by chance.
    """
    from functools import partial

    from faceseg.data.augmentation import augment
    from faceseg.data.classes import LAPA
    from faceseg.data.drawn import draw_face
    from faceseg.data.training_occluders import TrainingOccluders
    from pipelines.config import load

    cv2.setNumThreads(1)
    folder = Path(__file__).parents[2] / "experiments"
    options = {"none": (), "occluders": ("occluders",), "augmentation": ("augmentation",)}
    options["both"] = ("occluders", "augmentation")
    settings = {
        name: load(
            folder / "own.yaml", [f"@{folder}/recipe/{each}.yaml" for each in files]
        ).training
        for name, files in options.items()
    }
    for side in (128, 256):
        face = draw_face(("parts", 0), side)
        fastest = dict.fromkeys(settings, math.inf)
        for _ in range(9):
            for name, each in settings.items():
                occluders = TrainingOccluders(each.occluders, LAPA)
                started = time.process_time()
                for index in range(RUNS):
                    seed = (0, 1, index)
                    occlude = partial(occluders.occlude, seed=seed)
                    augment(face.image, face.labels, each.augmentation, LAPA, seed, occlude=occlude)
                fastest[name] = min(fastest[name], time.process_time() - started)
        yield from ((f"{name}, {side} px", RUNS / spent) for name, spent in fastest.items())


def main(arguments: Iterable[str] | None = None) -> None:
    """Draw the faces, run the pipelines in turns, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--parts", action="store_true")
    parser.add_argument("--recipes", action="store_true")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("tensorflow", "opencv-python-headless"), flush=True)
    if given.parts:
        for name, spent in parts():
            print(f"{name:<34}{spent:.3f} ms")
        return
    if given.recipes:
        for name, rate in recipes():
            print(f"{name:<34}{rate:,.0f} images a second")
        return
    here = "tests.benchmarks.input"
    with TemporaryDirectory(prefix="faceseg-input-") as place:
        folder = Path(place)
        make_files(folder, BATCH * math.ceil(given.images / BATCH))
        environment = {"OMP_NUM_THREADS": "1", "OPENCV_NUM_THREADS": "1"}
        contenders = [
            Workload(name, f"{here}:{made_by}", {"folder": folder, **options}, 1, environment)
            for name, made_by, options in (
                ("the notebook, augmented", "notebook", {"augmented": True}),
                ("the notebook, not augmented", "notebook", {"augmented": False}),
                ("faceseg, augmented", "ours", {"augmented": True}),
                ("faceseg, not augmented", "ours", {"augmented": False}),
                ("its augmentation alone", "cost_of_augmentation", {}),
            )
        ]
        print(table(time_in_turns(contenders, given.rounds)))


if __name__ == "__main__":
    main()
