"""Every face of a group photograph.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.faces_anywhere NETWORK [--look FOLDER]

FOLDER contains `facesynth_lapa` in LaPa's layout; NETWORK is a `.keras` file that was trained on
its split `train`. The photographs are composed of its other images, five in each, so that the truth
is known: three upright of different sizes, one turned by 90 degrees, and one whose face is 10 % of
the photograph's height. Each place shows every image once. The score of a face is the IoU over the
pixels of its square; it is compared with that of the same image alone, upright and large.
"""

import argparse
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import faceseg
from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.images import read_image, read_labels
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import Framing, Square
from faceseg.detection.face import Face
from faceseg.inference.faces import label_faces
from faceseg.metrics.confusion_matrix import class_iou, confusion, mean_of_defined
from pipelines.predict.results import overlay
from tests.benchmarks.machine import described

Pixels = NDArray[np.uint8]

ROWS, COLUMNS = 1200, 1800
SMALL_FACE = 0.10  # of the photograph's height
MEAN_FACE = 0.36  # of an image's height, where none was found
SQUARE_PIXELS = 256**2  # to which the counts of a square are scaled, so that all faces count alike


@dataclass(frozen=True)
class Place:
    """Where a photograph shows a face: the square of its image."""

    name: str
    centre: tuple[float, float]
    side: float
    roll: float = 0.0

    @property
    def square(self) -> Square:
        return Square(self.centre, self.side, self.roll)


PLACES = (
    Place("large", (380, 400), 700),
    Place("turned by 90 degrees", (1040, 330), 560, 90.0),
    Place("turned by -25 degrees", (1440, 830), 500, -25.0),
    Place("upright", (780, 900), 480),
    Place("10 % of the height", (1590, 260), 0),  # the side depends on the face
)


@dataclass(frozen=True)
class Portrait:
    """A labelled image of one face, and the share of its height that the face's box takes."""

    image: Pixels
    labels: Pixels
    share: float


def compose(portraits: Sequence[Portrait]) -> tuple[Pixels, Pixels, list[Square]]:
    """Return a photograph, its labels (255 outside the squares), and the portraits' squares."""
    noise = np.random.default_rng(0).integers(60, 190, (6, 9, 3), dtype=np.uint8)
    photo = cv2.resize(noise, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
    truth = np.full((ROWS, COLUMNS), IGNORE, np.uint8)
    squares = []
    for place, portrait in zip(PLACES, portraits, strict=True):
        side = place.side or SMALL_FACE * ROWS / portrait.share
        square = Square(place.centre, side, place.roll)
        matrix = square.to_photograph(portrait.labels.shape)
        options = {"dsize": (COLUMNS, ROWS)}
        labels = cv2.warpAffine(
            portrait.labels, matrix, **options, flags=cv2.INTER_NEAREST, borderValue=IGNORE
        )
        inside = cv2.warpAffine(np.ones_like(portrait.labels), matrix, **options) > 0
        image = cv2.warpAffine(
            portrait.image,
            matrix,
            **options,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        photo[inside], truth[inside] = image[inside], labels[inside]
        squares.append(square)
    return photo, truth, squares


def read_portraits(folder: Path, detector: BlazeFace) -> list[Portrait]:
    """Return the images that the network was not trained on."""
    found = []
    for image_file in sorted(folder.glob("test/images/*")) + sorted(folder.glob("val/images/*")):
        image = read_image(image_file)
        labels = image_file.parents[1] / "labels" / f"{image_file.stem}.png"
        faces = detector.detect(image)
        size = faces[0].size if faces else MEAN_FACE * len(image)
        found.append(Portrait(image, read_labels(labels, LAPA), size / len(image)))
    return found


def counts_in(square: Square, truth: Pixels, labels: Pixels) -> NDArray[np.int64]:
    """Return the confusion matrix of a square's pixels, scaled to those of an image."""
    inside = np.zeros(truth.shape, np.uint8)
    corners = np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], np.float64) - 0.5
    corners = cv2.transform(corners, square.to_photograph((1, 1)))
    cv2.fillPoly(inside, [np.rint(corners).astype(np.int32)], 1)
    counts = confusion(np.where(inside > 0, truth, IGNORE).astype(np.uint8), labels, len(LAPA))
    return np.rint(counts * (SQUARE_PIXELS / counts.sum())).astype(np.int64)


def foreground_iou(counts: NDArray[np.int64]) -> float:
    """Return the mean IoU of all classes but the background."""
    return float(mean_of_defined(class_iou(counts)[1:]))


def main(arguments: Iterable[str] | None = None) -> None:
    """Label all photographs; print the score at each place and that of the images alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument(
        "--shares",
        type=float,
        nargs="*",
        default=[],
        help="Score the images alone at other margins.",
    )
    parser.add_argument("--look", type=Path, help="Write photographs and overlays into a folder.")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("opencv-python-headless", "keras"), flush=True)
    predictor, detector = faceseg.load(given.network), BlazeFace()
    print("framing of the crops:", Framing.of(predictor.origin))
    folder = Path(os.environ["FACESEG_DATA"]) / "facesynth_lapa"
    portraits = read_portraits(folder, detector)
    alone = sum(
        confusion(each.labels, predictor.predict(each.image), len(LAPA)) for each in portraits
    )
    for share in given.shares:
        counts = sum(
            confusion(
                each.labels,
                label_faces(predictor, each.image, detector, framing=Framing(share)).labels,
                len(LAPA),
            )
            for each in portraits
        )
        print(f"alone, a face box of {share:.0%} of the crop: IoU {foreground_iou(counts):.4f}")
    totals = {place.name: np.zeros_like(alone) for place in PLACES}
    found = dict.fromkeys(totals, 0)
    photographs = extra = 0
    seconds = 0.0
    for first in range(0, len(portraits), len(PLACES)):
        group = portraits[first : first + len(PLACES)]
        for turn in range(len(group)):
            photo, truth, squares = compose(group[turn:] + group[:turn])
            began = time.perf_counter()
            result = label_faces(predictor, photo, detector)
            seconds += time.perf_counter() - began
            photographs += 1
            extra += len(result.faces)
            for place, square in zip(PLACES, squares, strict=True):
                totals[place.name] += counts_in(square, truth, result.labels)
                hit = any(_is_in(face, square) for face in result.faces)
                found[place.name] += hit
                extra -= hit
            if given.look and turn == 0:
                shown = np.hstack([photo, overlay(photo, result.labels, LAPA)])
                given.look.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(given.look / f"faces-{first}.png"), shown[::2, ::2, ::-1])
    best = foreground_iou(alone)
    print(f"{len(portraits)} images alone, upright: IoU {best:.4f}")
    for name, counts in totals.items():
        score = foreground_iou(counts)
        print(f"{name}: found {found[name]} of {photographs}, IoU {score:.4f}, {score / best:.1%}")
    print(f"{extra} other faces found; {seconds / photographs:.2f} s a photograph")


def _is_in(face: Face, square: Square) -> bool:
    return math.dist(face.centre, square.centre) < square.side / 3


if __name__ == "__main__":
    main()
