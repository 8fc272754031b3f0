"""A move: what is done to an image, and to labels so that they stay on it."""

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


@dataclass(frozen=True)
class Move:
    """A geometric change that keeps the size (H, W).

    `image` moves an image (H, W, 3), `labels` a label map (H, W) by the nearest pixel. What
    comes in over the border was never photographed: the border's colours run on there, so that
    no edge and no second face appears, and its labels are 255, so that nothing is scored.
    """

    image: Callable[[Image], Image]
    labels: Callable[[Labels], Labels]


def unchanged_labels(labels: Labels) -> Labels:
    """Return labels as they are: those of an image that has lost detail only."""
    return labels


# --- How near the camera was, and how much detail it saw.

FULL_DETAIL_SIDE = 256  # pixels of the picture whose detail is taken as full


def less_detail(size: tuple[int, int], factor: float) -> Move:
    """Shrink and enlarge again: what is left is the detail of `SIDE / factor` pixels a side.

    Detail is counted against one side for all, not against each image's own: the network sees
    a photograph of 1,000 pixels at its grid, and would not notice a loss of half of them. The
    side of an image that is no square is the square root of its pixels. An image with less
    detail already stays as it is.
    """
    height, width = size
    share = FULL_DETAIL_SIDE / factor / math.sqrt(height * width)
    if share >= 1:
        return Move(lambda image: image, unchanged_labels)
    small = (max(1, round(height * share)), max(1, round(width * share)))
    return Move(lambda image: resize_image(resize_image(image, small), size), unchanged_labels)


def zoomed_out(size: tuple[int, int], centre: tuple[float, float], scale: float) -> Move:
    """Shrink the picture within its frame, scale below 1; the point (x, y) stays in place."""
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
    """Enlarge a part of the picture to its size, scale above 1; the point (x, y) stays in place."""
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
    """Return how far along its axis a pixel's centre lies, from 0 to 1."""
    return (place + 0.5) / length


# --- Rolled heads, mirror images, and pictures taken a little to the side.


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
