"""Augmentation of one labelled image: a flip, one affine warp, brightness and contrast.

What an image becomes depends on (seed, epoch, index) alone: not on the order of the images,
the batch size or the thread, so a resumed training sees what it would have seen.

Shapes: H rows, W columns.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from faceseg.data.classes import IGNORE, ClassSet

Pixels = NDArray[np.uint8]
Seed = tuple[int, int, int]  # seed, epoch, index of the image

_MIDDLE = 127.5  # contrast turns around mid grey


class Augmentation(BaseModel):
    """Ranges that are drawn from, uniformly and both ways; `strength` scales them all.

    `rotation_degrees` about the image's centre; `zoom` as a share of the size (0.1: from 0.9
    to 1.1 times); `shift` as a share of the width and of the height; `brightness` as a share
    of the full range, added; `contrast` as a share, multiplied. `flip` mirrors half of the
    images (fewer below strength 1). Strength 0 leaves every image as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rotation_degrees: float = Field(default=10.0, ge=0, le=180)
    zoom: float = Field(default=0.1, ge=0, lt=1)
    shift: float = Field(default=0.1, ge=0, lt=1)
    flip: bool = True
    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    strength: float = Field(default=1.0, ge=0, le=3)


class Transform(NamedTuple):
    """What is done to one image, as drawn. Shifts are shares of width and height."""

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
    """Return image (H, W, 3) and labels (H, W) changed as `seed` has it."""
    return apply_transform(image, labels, sample_transform(settings, seed), classes)


def sample_transform(settings: Augmentation, seed: Seed) -> Transform:
    """Draw the change of one image in one epoch."""
    run, epoch, index = (each % 2**64 for each in seed)
    # A counter-based generator: each image has its own stretch of the stream, nothing to step.
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
    """Return image (H, W, 3) and labels (H, W) changed; what is given is not written to.

    What comes in over the border was never photographed. The image is reflected there, so
    that no seam or black corner is learnt; its labels become 255, so that nothing is taught
    about it (a mirrored eye would stand on the wrong side under its old id).
    """
    if change.flip:
        image, labels = flip(image, labels, classes)
    if (change.degrees, change.scale, change.shift_x, change.shift_y) != (0, 1, 0, 0):
        image, labels = _warp(image, labels, change)
    if (change.brightness, change.contrast) != (0, 1):
        image = _adjust_light(image, change)
    return image, labels


def flip(image: Pixels, labels: Pixels, classes: ClassSet) -> tuple[Pixels, Pixels]:
    """Mirror image and labels left to right; the ids of left and right classes change places."""
    exchanged = cv2.LUT(cv2.flip(labels, 1), classes.flip_table)
    return np.asarray(cv2.flip(image, 1), dtype=np.uint8), np.asarray(exchanged, dtype=np.uint8)


def affine_matrix(change: Transform, height: int, width: int) -> NDArray[np.float64]:
    """Return the affine map (2, 3) from old to new pixel centres (x, y, 1).

    Turned and scaled about the image's centre, which lies at ((W - 1) / 2, (H - 1) / 2).
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
    place, size = affine_matrix(change, height, width), (width, height)
    # OpenCV 5 is twice as fast with four channels as with three, to the same pixels.
    four = cv2.warpAffine(
        cv2.cvtColor(image, cv2.COLOR_RGB2RGBA),
        place,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    moved = cv2.cvtColor(four, cv2.COLOR_RGBA2RGB)
    ids = cv2.warpAffine(labels, place, size, flags=cv2.INTER_NEAREST, borderValue=IGNORE)
    return np.asarray(moved, dtype=np.uint8), np.asarray(ids, dtype=np.uint8)


def _adjust_light(image: Pixels, change: Transform) -> Pixels:
    # A matrix of colours in OpenCV's own loop, rounded and kept to 0 to 255 there: a quarter of
    # what a table of 256 levels takes.
    added = _MIDDLE * (1 - change.contrast) + 255 * change.brightness
    colours = np.eye(3, 4) * change.contrast
    colours[:, 3] = added
    return np.asarray(cv2.transform(image, colours), dtype=np.uint8)
