"""The flicker of a video's labels, and their score, with and without damping.

    FACESEG_DATA=FOLDER python -m tests.benchmarks.steady_video NETWORK [--noise 6]

FOLDER contains `facesynth_lapa` in LaPa's layout; NETWORK is a `.keras` file that was trained on
its split `train`. Each image of the split `test` becomes a clip: it is shifted, turned and zoomed
along a known path, with another noise, brightness and JPEG compression in each frame. Flicker is
the share of pixels whose label differs from that of the frame before, after both are moved back
along the path; pixels that are background in both are left out.
"""

import argparse
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

import faceseg
from faceseg.data.augmentation import Transform, affine_matrix
from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.images import read_image, read_labels
from faceseg.inference.predictor import Predictor, labels_from_logits
from faceseg.inference.steady import SteadyLogits
from faceseg.metrics.confusion_matrix import class_iou, confusion, mean_of_defined
from tests.benchmarks.machine import described

Pixels = NDArray[np.uint8]
Logits = NDArray[np.float32]

FRAMES = 24


class Frame(NamedTuple):
    """A frame, its true labels, the map from the image to the frame, and a network's logits."""

    pixels: Pixels
    truth: Pixels
    matrix: NDArray[np.float64]
    logits: Logits


def path(number: int, rows: int, columns: int) -> NDArray[np.float64]:
    """Return the map from the image to the frame of this number."""
    wave = [math.sin(2 * math.pi * number / period) for period in (17, 13, 12, 9)]
    change = Transform(
        degrees=6 * wave[0],
        scale=1 + 0.05 * wave[1],
        shift_x=0.05 * wave[2],
        shift_y=0.035 * wave[3],
    )
    return affine_matrix(change, rows, columns)


def clip(
    image: Pixels, labels: Pixels, predictor: Predictor, noise: float, seed: int
) -> Iterator[Frame]:
    """Yield the frames of an image's clip; the noise is in steps of 0 to 255."""
    rng = np.random.default_rng(seed)
    rows, columns = labels.shape
    for number in range(FRAMES):
        matrix, size = path(number, rows, columns), (columns, rows)
        moved = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT_101)
        light = moved * (1 + 0.04 * rng.normal()) + rng.normal(0, noise, moved.shape)
        _, jpeg = cv2.imencode(".jpg", np.clip(light, 0, 255), [cv2.IMWRITE_JPEG_QUALITY, 80])
        pixels = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
        truth = cv2.warpAffine(labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
        yield Frame(pixels, np.asarray(truth, np.uint8), matrix, predictor.logits([pixels])[0])


def moved_back(labels: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]) -> Pixels:
    """Return labels of a frame at the places (width, height) before the motion."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(labels, matrix, size, flags=flags, borderValue=IGNORE)
    return np.asarray(back, np.uint8)


def flicker_counts(now: Pixels, before: Pixels) -> NDArray[np.int64]:
    """Return how many labels of the foreground changed between two frames, and how many are there.

    Both are moved back (`moved_back`), so that only flicker is left.
    """
    seen = (now != IGNORE) & (before != IGNORE) & ((now > 0) | (before > 0))
    return np.array([np.count_nonzero(seen & (now != before)), np.count_nonzero(seen)])


def measure(
    clips: Iterable[list[Frame]], damping: Callable[[], Callable[[Pixels, Logits], Logits]]
) -> tuple[float, float]:
    """Return the IoU over all frames, and the flicker, both in [0, 1]."""
    counts = np.zeros((len(LAPA), len(LAPA)), np.int64)
    flicker = np.zeros(2, np.int64)
    for frames in clips:
        damp, before = damping(), None
        for pixels, truth, matrix, logits in frames:
            labels = labels_from_logits(damp(pixels, logits), truth.shape)
            counts += confusion(truth, labels, len(LAPA))
            back = moved_back(labels, matrix, (truth.shape[1], truth.shape[0]))
            if before is not None:
                flicker += flicker_counts(back, before)
            before = back
    return float(mean_of_defined(class_iou(counts)[1:])), float(flicker[0] / flicker[1])


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the IoU and the flicker of all clips without damping and with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("network", type=Path)
    parser.add_argument("--noise", type=float, default=6, help="Standard deviation, of 255.")
    given = parser.parse_args(None if arguments is None else list(arguments))
    print(described("opencv-python-headless", "keras"), flush=True)
    predictor = faceseg.load(given.network)
    split = Path(os.environ["FACESEG_DATA"]) / "facesynth_lapa" / "test"
    clips = [
        list(
            clip(
                read_image(file),
                read_labels(split / "labels" / f"{file.stem}.png", LAPA),
                predictor,
                given.noise,
                seed,
            )
        )
        for seed, file in enumerate(sorted((split / "images").iterdir()))
    ]
    print(f"{len(clips)} clips of {FRAMES} frames")
    plain = measure(clips, lambda: lambda _, logits: logits)
    damped = measure(clips, SteadyLogits)
    for name, (iou, flicker) in {"each frame alone": plain, "damped": damped}.items():
        print(f"{name}: IoU {iou:.4f}, flicker {flicker:.4f}")
    print(
        f"flicker times {damped[1] / plain[1]:.2f}; IoU {100 * (damped[0] - plain[0]):+.2f} points"
    )


if __name__ == "__main__":
    main()
