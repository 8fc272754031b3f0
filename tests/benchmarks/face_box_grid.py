"""What labels lose on the network's grid: whole images beside face boxes of several margins.

    python -m tests.benchmarks.face_box_grid FOLDER [--side 128] [--labels labels]

The label maps of a folder in LaPa's layout are resized to the grid by majority, as whole images or
as crops to the face (`data.face_box`), and pasted back as a prediction is. Their IoU with
themselves is the most that a network could reach if it reproduced its training labels exactly.
Foreground outside of the crops counts as lost. An image without a face is used whole.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.data.images import read_image, read_labels, resize_labels_by_majority
from faceseg.detection.blazeface import BlazeFace
from faceseg.detection.crop import MAX_CROP, Framing, Square, upright_labels
from faceseg.inference.face_box import FINER, paste_logits
from faceseg.inference.predictor import labels_from_logits
from faceseg.metrics.confusion_matrix import class_iou, confusion

Pixels = NDArray[np.uint8]

MARGINS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def on_grid(labels: Pixels, side: int) -> NDArray[np.float32]:
    """Return exact logits of labels on a grid."""
    small = resize_labels_by_majority(labels, (side, side))
    return np.eye(256, dtype=np.float32)[small][..., : len(LAPA)]


def through_crop(labels: Pixels, square: Square, side: int) -> Pixels:
    """Return labels (H, W) as an exact network labels them in one crop."""
    crop = upright_labels(labels, square, min(round(square.side), MAX_CROP))
    grid = (FINER * side, FINER * side)
    pasted = paste_logits([on_grid(crop, side)], [square], labels.shape, grid)
    return labels_from_logits(pasted, labels.shape)


def main(arguments: Iterable[str] | None = None) -> None:
    """Print the mean IoU of the foreground in percent, for whole images and for each margin."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--labels", default="labels", help="name of the folder of labels")
    parser.add_argument("--side", type=int, default=128, help="of the network's grid, in pixels")
    given = parser.parse_args(None if arguments is None else list(arguments))
    detector = BlazeFace()
    counts = {margin: np.zeros((len(LAPA),) * 2, np.int64) for margin in (None, *MARGINS)}
    images = sorted(given.folder.glob("*/images/*"))
    found = 0
    for file in images:
        labels = read_labels(file.parents[1] / given.labels / f"{file.stem}.png", LAPA)
        faces = detector.detect(read_image(file))
        found += bool(faces)
        whole = labels_from_logits(on_grid(labels, given.side), labels.shape)
        for margin in counts:
            back = whole
            if faces and margin is not None:
                square = Framing.with_margin(margin).square(faces[0])
                back = through_crop(labels, square, given.side)
            counts[margin] += confusion(labels, back, len(LAPA))
    print(f"{given.folder.name}: a face in {found} of {len(images)} images; {given.side} px")
    for margin, matrix in counts.items():
        present = matrix.sum(axis=1) > 0
        present[0] = False
        words = "whole images" if margin is None else f"face box, margin {margin}"
        print(f"{words}: {100 * np.mean(class_iou(matrix)[present]):.1f}")


if __name__ == "__main__":
    main()
