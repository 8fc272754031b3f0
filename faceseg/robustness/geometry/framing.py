"""How near the camera was, and how much detail it saw."""

import math

import cv2
import numpy as np

from faceseg.classes import IGNORE
from faceseg.data.images import resize_image, resize_labels
from faceseg.robustness.geometry.move import Image, Labels, Move, unmoved

SIDE = 256  # pixels of the picture whose detail is taken as full


def less_detail(size: tuple[int, int], factor: float) -> Move:
    """Shrink and enlarge again: what is left is the detail of `SIDE / factor` pixels a side.

    Detail is counted against one side for all, not against each image's own: the network sees
    a photograph of 1,000 pixels at its grid, and would not notice a loss of half of them. The
    side of an image that is no square is the square root of its pixels. An image with less
    detail already stays as it is.
    """
    height, width = size
    share = SIDE / factor / math.sqrt(height * width)
    if share >= 1:
        return Move(lambda image: image, unmoved)
    small = (max(1, round(height * share)), max(1, round(width * share)))
    return Move(lambda image: resize_image(resize_image(image, small), size), unmoved)


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
