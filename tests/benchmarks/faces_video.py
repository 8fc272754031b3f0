"""Faces of a video: score, flicker and time, with and without tracking and damping.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.faces_video NETWORK [--speed 1]

FOLDER contains `facesynth_lapa` in LaPa's layout; NETWORK is a `.keras` file that was trained on
its split `train`. A clip shows two images of the split `test`, which are shifted, turned and zoomed
along known paths, with another noise, brightness and JPEG compression in each frame. Flicker is the
share of pixels whose label differs from that of the frame before, after both are moved back into
their image; pixels that are background in both are left out.
"""

import argparse
import math
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

import faceseg
from faceseg.data.classes import IGNORE, LAPA
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import Square
from faceseg.detection.face import Face
from faceseg.inference.moving_faces import MovingFaces
from faceseg.inference.predictor import Predictor
from faceseg.metrics.confusion_matrix import class_iou, confusion, mean_of_defined
from tests.benchmarks.faces_anywhere import Portrait, read_portraits
from tests.benchmarks.machine import described
from tests.benchmarks.steady_video import flicker_counts, moved_back

Pixels = NDArray[np.uint8]

ROWS, COLUMNS, FRAMES, NOISE = 540, 960, 24, 6
# Of the two faces: x and y of the square's centre, its side and its roll.
PLACES = ((270, 270, 460, 0), (690, 280, 380, 15))


class Frame(NamedTuple):
    """A frame; of each face its true labels (`IGNORE` elsewhere) and the map from its image."""

    pixels: Pixels
    truth: list[Pixels]
    matrices: list[NDArray[np.float64]]


class DetectorOnly:
    """BlazeFace without `follow`: it is run on every frame."""

    def __init__(self) -> None:
        self._detector = BlazeFace()

    def detect(self, image: Pixels) -> list[Face]:
        return self._detector.detect(image)


def path(place: tuple[float, float, float, float], number: float) -> Square:
    """Return the square of a face at this number of a frame."""
    x, y, side, roll = place
    wave = [math.sin(2 * math.pi * number / period) for period in (17, 13, 23, 9)]
    centre = (x + 0.09 * side * wave[2], y + 0.05 * side * wave[3])
    return Square(centre, side * (1 + 0.05 * wave[1]), roll + 8 * wave[0])


def clip(pair: list[Portrait], seed: int, speed: float) -> Iterator[Frame]:
    """Yield the frames of a clip with two portraits."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 190, (6, 9, 3), dtype=np.uint8)
    background = cv2.resize(coarse, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
    size = (COLUMNS, ROWS)
    for number in range(FRAMES):
        photo, truth, matrices = background.copy(), [], []
        for place, portrait in zip(PLACES, pair, strict=True):
            square = path(place, number * speed + 5 * seed)
            matrix = square.to_photograph(portrait.labels.shape)
            inside = cv2.warpAffine(np.ones_like(portrait.labels), matrix, size) > 0
            moved = cv2.warpAffine(portrait.image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
            photo[inside] = moved[inside]
            labels = cv2.warpAffine(
                portrait.labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE
            )
            truth.append(np.asarray(labels, np.uint8))
            matrices.append(matrix)
        light = photo * (1 + 0.04 * rng.normal()) + rng.normal(0, NOISE, photo.shape)
        _, jpeg = cv2.imencode(".jpg", np.clip(light, 0, 255), [cv2.IMWRITE_JPEG_QUALITY, 80])
        pixels = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
        yield Frame(pixels, truth, matrices)


def measure(
    predictor: Predictor, clips: list[list[Frame]], *, follow: bool, steady: bool
) -> tuple[float, float, float, int]:
    """Return IoU, flicker, seconds a frame, and the frames whose number of faces is not two."""
    counts = np.zeros((len(LAPA), len(LAPA)), np.int64)
    flicker, wrong = np.zeros(2, np.int64), 0
    seconds = 0.0
    for frames in clips:
        label = MovingFaces(predictor, BlazeFace() if follow else DetectorOnly(), steady=steady)
        before: list[Pixels] = []
        for pixels, truth, matrices in frames:
            began = time.perf_counter()
            found = label(pixels)
            seconds += time.perf_counter() - began
            wrong += len(found.faces) != len(PLACES)
            for each in truth:
                counts += confusion(each, found.labels, len(LAPA))
            back = [moved_back(found.labels, matrix, (256, 256)) for matrix in matrices]
            for now, then in zip(back, before, strict=False):
                flicker += flicker_counts(now, then)
            before = back
    number = sum(map(len, clips))
    iou = float(mean_of_defined(class_iou(counts)[1:]))
    return iou, float(flicker[0] / flicker[1]), seconds / number, wrong


def main(arguments: Iterable[str] | None = None) -> None:
    """Print a row for each way of labelling the clips."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("--speed", type=float, default=1, help="Of the faces.")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("opencv-python-headless", "keras"), flush=True)
    predictor = faceseg.load(given.network)
    portraits = read_portraits(Path(os.environ["FACESEG_DATA"]) / "facesynth_lapa", BlazeFace())
    pairs = [portraits[first : first + 2] for first in range(0, 10, 2)]  # the split `test`
    clips = [list(clip(pair, seed, given.speed)) for seed, pair in enumerate(pairs)]
    print(f"{len(clips)} clips of {FRAMES} frames with two faces, {COLUMNS} x {ROWS} pixels")
    print("| detection | damped | IoU | flicker | s a frame | frames without two faces |")
    print("|---|---|---|---|---|---|")
    for follow in (False, True):
        for steady in (False, True):
            found = measure(predictor, clips, follow=follow, steady=steady)
            words = "every fifth frame, faces followed" if follow else "every frame"
            iou, flicker, seconds, wrong = found
            print(
                f"| {words} | {'yes' if steady else 'no'} | {iou:.4f} | {flicker:.4f} "
                f"| {seconds:.2f} | {wrong} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
