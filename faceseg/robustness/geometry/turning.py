"""Rolled heads, mirror images, and pictures taken a little to the side."""

import cv2
import numpy as np

from faceseg.classes import IGNORE, ClassSet
from faceseg.data.augment import flip
from faceseg.robustness.geometry.move import Image, Labels, Move


def rolled(size: tuple[int, int], centre: tuple[float, float], degrees: float) -> Move:
    """Turn the picture about a point (x, y), counter-clockwise for degrees above 0.

    Parts keep their classes: the left eye is the one that was left in the image.
    """
    height, width = size
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1.0)

    def move_image(image: Image) -> Image:
        turned = cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(turned, np.uint8)

    def move_labels(labels: Labels) -> Labels:
        turned = cv2.warpAffine(
            labels, matrix, (width, height), flags=cv2.INTER_NEAREST, borderValue=IGNORE
        )
        return np.asarray(turned, np.uint8)

    return Move(move_image, move_labels)


def mirrored(classes: ClassSet) -> Move:
    """Mirror the picture left to right; left and right classes change places."""
    return Move(
        lambda image: np.asarray(cv2.flip(image, 1), np.uint8),
        lambda labels: flip(labels, labels, classes)[1],
    )


def shifted(size: tuple[int, int], across: int, down: int) -> Move:
    """Shift the picture by whole pixels, to the right and down for numbers above 0."""
    height, width = size
    from_rows, from_columns = np.arange(height) - down, np.arange(width) - across
    rows, columns = np.clip(from_rows, 0, height - 1), np.clip(from_columns, 0, width - 1)
    outside = (from_rows != rows)[:, None] | (from_columns != columns)

    def move_labels(labels: Labels) -> Labels:
        moved = labels[rows][:, columns]
        moved[outside] = IGNORE
        return moved

    return Move(lambda image: image[rows][:, columns], move_labels)
