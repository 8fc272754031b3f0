"""Augmentation of one labelled image: a flip, one affine warp, brightness and contrast.

The result depends only on (seed, epoch, index), not on the order of the images, the batch
size or the thread. A resumed training therefore gets the same images as an uninterrupted one.

Shapes: H rows, W columns.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from faceseg.data.classes import IGNORE, ClassSet

Pixels = NDArray[np.uint8]
Seed = tuple[int, int, int]  # seed, epoch, index of the image

_MIDDLE = 127.5  # mid grey, which a change of contrast leaves as it is


class Augmentation(BaseModel):
    """Ranges of the random transforms, sampled uniformly between minus and plus each value.

    Attributes:
        rotation_degrees: Rotation about the image's centre.
        zoom: Change of scale as a share of the size; 0.1 means 0.9 to 1.1 times.
        shift: Translation as a share of the width and of the height.
        flip: Whether to mirror half of the images (fewer at a strength below 1).
        brightness: Offset as a share of the full range.
        contrast: Relative change of the contrast about mid grey.
        strength: Factor on all ranges. At 0 every image stays as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rotation_degrees: float = Field(default=10.0, ge=0, le=180)
    zoom: float = Field(default=0.1, ge=0, lt=1)
    shift: float = Field(default=0.1, ge=0, lt=1)
    flip: bool = True
    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    strength: float = Field(default=1.0, ge=0, le=3)


@dataclass(frozen=True, kw_only=True)
class Transform:
    """The sampled transform of one image. Shifts are shares of width and height."""

    degrees: float = 0.0
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 1.0


def augment(
    image: Pixels, labels: Pixels, settings: Augmentation, classes: ClassSet, seed: Seed
) -> tuple[Pixels, Pixels]:
    """Return an augmented copy of one labelled image.

    Args:
        image: RGB (H, W, 3).
        labels: Class ids (H, W).
        settings: The ranges to sample from.
        classes: The class set; a flip exchanges its left and right classes.
        seed: (seed of the run, epoch, index of the image). Equal seeds give equal results.

    Returns:
        The augmented image (H, W, 3) and labels (H, W); see `apply_transform`.
    """
    return apply_transform(image, labels, sample_transform(settings, seed), classes)


def sample_transform(settings: Augmentation, seed: Seed) -> Transform:
    """Sample the transform of one image in one epoch; `seed` as in `augment`."""
    run, epoch, index = (each % 2**64 for each in seed)
    # A counter-based generator: each image has its own part of the stream, so nothing is skipped.
    bits = np.random.Philox(
        key=np.array([run, epoch], dtype=np.uint64),
        counter=np.array([0, 0, 0, index], dtype=np.uint64),
    )
    *drawn, mirror = np.random.Generator(bits).random(7).tolist()
    turn, zoom, x, y, light, contrast = (2 * each - 1 for each in drawn)
    strength = settings.strength
    return Transform(
        degrees=turn * settings.rotation_degrees * strength,
        scale=max(1 + zoom * settings.zoom * strength, 0.1),
        shift_x=x * settings.shift * strength,
        shift_y=y * settings.shift * strength,
        flip=settings.flip and mirror < min(strength, 1.0) / 2,
        brightness=light * settings.brightness * strength,
        contrast=max(1 + contrast * settings.contrast * strength, 0.0),
    )


def apply_transform(
    image: Pixels, labels: Pixels, change: Transform, classes: ClassSet
) -> tuple[Pixels, Pixels]:
    """Apply a transform to image (H, W, 3) and labels (H, W); the inputs are not modified.

    The source has no pixels beyond its border. The image is reflected there, so that the
    network learns no seam or black corner. The labels there are 255 (ignored), because a
    reflected eye would be on the wrong side for its id.
    """
    if change.flip:
        image, labels = flip(image, labels, classes)
    if (change.degrees, change.scale, change.shift_x, change.shift_y) != (0, 1, 0, 0):
        image, labels = _warp(image, labels, change)
    if (change.brightness, change.contrast) != (0, 1):
        image = _adjust_light(image, change)
    return image, labels


def flip(image: Pixels, labels: Pixels, classes: ClassSet) -> tuple[Pixels, Pixels]:
    """Mirror image and labels left to right, and exchange the ids of left and right classes."""
    exchanged = cv2.LUT(cv2.flip(labels, 1), classes.flip_table)
    return np.asarray(cv2.flip(image, 1), dtype=np.uint8), np.asarray(exchanged, dtype=np.uint8)


def affine_matrix(change: Transform, height: int, width: int) -> NDArray[np.float64]:
    """Return the affine map (2, 3) from old to new pixel centres (x, y, 1).

    It rotates and scales about the image's centre, ((W - 1) / 2, (H - 1) / 2), then shifts.
    """
    x, y = (width - 1) / 2, (height - 1) / 2
    angle = math.radians(change.degrees)
    cosine, sine = change.scale * math.cos(angle), change.scale * math.sin(angle)
    return np.array(
        [
            [cosine, -sine, x - (cosine * x - sine * y) + change.shift_x * width],
            [sine, cosine, y - (sine * x + cosine * y) + change.shift_y * height],
        ]
    )


def _warp(image: Pixels, labels: Pixels, change: Transform) -> tuple[Pixels, Pixels]:
    height, width = labels.shape
    matrix, size = affine_matrix(change, height, width), (width, height)
    # OpenCV 5 is twice as fast with four channels as with three, and gives the same pixels.
    four = cv2.warpAffine(
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    moved = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    ids = cv2.warpAffine(labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    return np.asarray(moved, dtype=np.uint8), np.asarray(ids, dtype=np.uint8)


def _adjust_light(image: Pixels, change: Transform) -> Pixels:
    # OpenCV applies the colour matrix, rounds and clips to 0..255 in one loop, which takes a
    # quarter of the time of a look-up table of 256 levels.
    added = _MIDDLE * (1 - change.contrast) + 255 * change.brightness
    colours = np.eye(3, 4) * change.contrast
    colours[:, 3] = added
    return np.asarray(cv2.transform(image, colours), dtype=np.uint8)
