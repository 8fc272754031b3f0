"""Moves: geometric changes of an image, and of its labels so that they stay aligned."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.augmentation import flip
from faceseg.data.classes import IGNORE, ClassSet
from faceseg.data.images import resize_image, resize_labels

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]

FULL_DETAIL_SIDE = 256  # side in pixels of a picture that has full detail


@dataclass(frozen=True)
class Move:
    """A geometric change that keeps the size (H, W).

    `image` moves an image (H, W, 3), `labels` a label map (H, W) by the nearest pixel. The
    source has no pixels beyond its border. There the image repeats the border's colours, so
    that no edge and no second face appears, and the labels are 255, so that nothing is scored.
    """

    image: Callable[[Image], Image]
    labels: Callable[[Labels], Labels]


def unchanged_labels(labels: Labels) -> Labels:
    """Return the labels themselves, for an image that has only lost detail."""
    return labels


# --- Resolution and framing.


def less_detail(size: tuple[int, int], factor: float) -> Move:
    """Return a move that reduces the detail to `FULL_DETAIL_SIDE / factor` pixels a side.

    The image is shrunk and enlarged again. Detail is relative to a fixed side, not to each
    image's own: a network resizes a photograph of 1,000 pixels to its input size, so a loss of
    half of its pixels would have no effect. The side of an image is the square root of its
    number of pixels. An image that has less detail already stays as it is.
    """
    height, width = size
    share = FULL_DETAIL_SIDE / factor / math.sqrt(height * width)
    if share >= 1:
        return Move(lambda image: image, unchanged_labels)
    small = (max(1, round(height * share)), max(1, round(width * share)))
    return Move(lambda image: resize_image(resize_image(image, small), size), unchanged_labels)


def zoomed_out(size: tuple[int, int], centre: tuple[float, float], scale: float) -> Move:
    """Return a move that shrinks the picture by `scale` below 1, about the fixed point (x, y)."""
    height, width = size
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    left = round((width - small[1]) * _part(centre[0], width))
    top = round((height - small[0]) * _part(centre[1], height))
    sides = (top, height - small[0] - top, left, width - small[1] - left)

    def move_image(image: Image) -> Image:
        framed = cv2.copyMakeBorder(resize_image(image, small), *sides, cv2.BORDER_REPLICATE)
        return np.asarray(framed, np.uint8)

    def move_labels(labels: Labels) -> Labels:
        framed = np.full(size, IGNORE, np.uint8)
        framed[top : top + small[0], left : left + small[1]] = resize_labels(labels, small)
        return framed

    return Move(move_image, move_labels)


def zoomed_in(size: tuple[int, int], centre: tuple[float, float], scale: float) -> Move:
    """Return a move that enlarges a part by `scale` above 1, about the fixed point (x, y)."""
    height, width = size
    part = (max(1, round(height / scale)), max(1, round(width / scale)))
    left = round((width - part[1]) * _part(centre[0], width))
    top = round((height - part[0]) * _part(centre[1], height))
    rows, columns = slice(top, top + part[0]), slice(left, left + part[1])
    return Move(
        lambda image: resize_image(np.ascontiguousarray(image[rows, columns]), size),
        lambda labels: resize_labels(labels[rows, columns], size),
    )


def _part(place: float, length: int) -> float:
    """Return the relative position of a pixel's centre on its axis, 0 to 1."""
    return (place + 0.5) / length


# --- Roll, flip and shift.


def rolled(size: tuple[int, int], centre: tuple[float, float], degrees: float) -> Move:
    """Return a rotation about a point (x, y), counter-clockwise for positive degrees.

    Parts keep their classes: the left eye is the one that was on the left before.
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
    """Return a horizontal flip, which exchanges left and right classes."""
    return Move(
        lambda image: np.asarray(cv2.flip(image, 1), np.uint8),
        lambda labels: flip(labels, labels, classes)[1],
    )


def shifted(size: tuple[int, int], across: int, down: int) -> Move:
    """Return a shift by whole pixels, to the right and down for positive numbers."""
    height, width = size
    from_rows, from_columns = np.arange(height) - down, np.arange(width) - across
    rows, columns = np.clip(from_rows, 0, height - 1), np.clip(from_columns, 0, width - 1)
    outside = (from_rows != rows)[:, None] | (from_columns != columns)

    def move_labels(labels: Labels) -> Labels:
        moved = labels[rows][:, columns]
        moved[outside] = IGNORE
        return moved

    return Move(lambda image: image[rows][:, columns], move_labels)
