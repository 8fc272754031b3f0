"""Augmentation of one labelled image: a flip, one affine warp, an occluder, colours, degradations.

The result depends only on (seed, epoch, index), not on the order of the images, the batch
size or the thread. A resumed training therefore gets the same images as an uninterrupted one.

Shapes: H rows, W columns.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from faceseg.data import photometrics
from faceseg.data.classes import IGNORE, ClassSet
from faceseg.data.random_streams import TRANSFORM, Seed, image_generator

Pixels = NDArray[np.uint8]
Occlude = Callable[[Pixels, Pixels], tuple[Pixels, Pixels]]

_LOWEST_QUALITY = 5  # of a JPEG file, at any strength


def _is_zero(value: float) -> bool:
    return value == 0


class Augmentation(BaseModel):
    """Ranges of the random transforms, sampled uniformly between minus and plus each value.

    Attributes:
        rotation_degrees: Rotation about the image's centre.
        zoom: Change of scale as a share of the size; 0.1 means 0.9 to 1.1 times.
        shift: Translation as a share of the width and of the height.
        flip: Whether to mirror half of the images (fewer at a strength below 1).
        brightness: Offset as a share of the full range.
        contrast: Relative change of the contrast about mid grey.
        strength: Factor on all ranges and shares but `degraded`. At 0 every image stays as it is.
        gamma: The exponent is from 1 / (1 + gamma) to 1 + gamma.
        hue_degrees: Rotation of the colours about the grey axis.
        saturation: Relative change of the saturation.
        grey: Share of the images that lose their colours.
        blur: Largest standard deviation of a Gaussian blur, as a share of the width.
        noise: Largest standard deviation of Gaussian noise, as a share of the full range.
        jpeg: Lost share of the quality: 0.7 compresses with qualities from 30 to 100.
        degraded: Share of the images to which each of blur, noise and JPEG is applied.

    Sources: rotation to 30 degrees and scale 0.75 to 1.25 are the settings of EAGRNet (Te et
    al. 2020, arXiv 2007.11240) and DML-CSR (Zheng et al. 2022, arXiv 2203.14448). Their code
    samples a clipped normal distribution; here it is uniform, so extremes are more frequent.
    SegFace (Narayan et al. 2024, arXiv 2412.08647) has the same rotation and scales from 0.5 to 3.
    None of the three changes colours or sharpness: those ranges are this project's choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rotation_degrees: float = Field(default=10.0, ge=0, le=180)
    zoom: float = Field(default=0.1, ge=0, lt=1)
    shift: float = Field(default=0.1, ge=0, lt=1)
    flip: bool = True
    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.2, ge=0, lt=1)
    strength: float = Field(default=1.0, ge=0, le=3)
    # A part that is off is left out of a dump, so that earlier studies keep their digests.
    gamma: float = Field(default=0.0, ge=0, le=3, exclude_if=_is_zero)
    hue_degrees: float = Field(default=0.0, ge=0, le=180, exclude_if=_is_zero)
    saturation: float = Field(default=0.0, ge=0, le=1, exclude_if=_is_zero)
    grey: float = Field(default=0.0, ge=0, le=1, exclude_if=_is_zero)
    blur: float = Field(default=0.0, ge=0, le=0.1, exclude_if=_is_zero)
    noise: float = Field(default=0.0, ge=0, le=0.5, exclude_if=_is_zero)
    jpeg: float = Field(default=0.0, ge=0, lt=1, exclude_if=_is_zero)
    degraded: float = Field(default=0.5, ge=0, le=1, exclude_if=lambda value: value == 0.5)


@dataclass(frozen=True, kw_only=True)
class Transform:
    """The sampled transform of one image; the defaults change nothing.

    Shifts are shares of width and height; `noise_at` is the place (row, column) of its noise in
    the stored field, from 0 to below 1.
    """

    degrees: float = 0.0
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    hue_degrees: float = 0.0
    saturation: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    noise_at: tuple[float, float] = (0.0, 0.0)
    quality: int = photometrics.BEST_QUALITY


def augment(
    image: Pixels,
    labels: Pixels,
    settings: Augmentation,
    classes: ClassSet,
    seed: Seed,
    *,
    occlude: Occlude | None = None,
) -> tuple[Pixels, Pixels]:
    """Return an augmented copy of one labelled image.

    Args:
        image: RGB (H, W, 3).
        labels: Class ids (H, W).
        settings: The ranges to sample from.
        classes: The class set; a flip exchanges its left and right classes.
        seed: (seed of the run, epoch, index of the image). Equal seeds give equal results.
        occlude: As in `apply_transform`.

    Returns:
        The augmented image (H, W, 3) and labels (H, W); see `apply_transform`.
    """
    return apply_transform(
        image, labels, sample_transform(settings, seed), classes, occlude=occlude
    )


def sample_transform(settings: Augmentation, seed: Seed) -> Transform:
    """Sample the transform of one image in one epoch; `seed` as in `augment`."""
    # The first seven numbers are those of studies from before the others existed.
    drawn = image_generator(seed, TRANSFORM).random(16).tolist()
    turn, zoom, x, y, light, contrast = (2 * each - 1 for each in drawn[:6])
    mirror, grey, blur, noise, jpeg, row, column = drawn[6:13]
    gamma, hue, saturation = (2 * each - 1 for each in drawn[13:])
    strength = settings.strength

    def degradation(number: float, largest: float) -> float:
        """Return 0 for the images that stay, else a value up to `largest`."""
        applied = number < settings.degraded
        return number / settings.degraded * largest * strength if applied else 0.0

    loss = degradation(jpeg, settings.jpeg)
    colours = max(1 + saturation * settings.saturation * strength, 0.0)
    return Transform(
        degrees=turn * settings.rotation_degrees * strength,
        scale=max(1 + zoom * settings.zoom * strength, 0.1),
        shift_x=x * settings.shift * strength,
        shift_y=y * settings.shift * strength,
        flip=settings.flip and mirror < min(strength, 1.0) / 2,
        brightness=light * settings.brightness * strength,
        contrast=max(1 + contrast * settings.contrast * strength, 0.0),
        gamma=(1 + settings.gamma * strength) ** gamma,
        hue_degrees=hue * settings.hue_degrees * strength,
        saturation=0.0 if grey < settings.grey * strength else colours,
        blur=degradation(blur, settings.blur),
        noise=degradation(noise, settings.noise),
        noise_at=(row, column),
        quality=max(round(photometrics.BEST_QUALITY * (1 - loss)), _LOWEST_QUALITY),
    )


def apply_transform(
    image: Pixels,
    labels: Pixels,
    change: Transform,
    classes: ClassSet,
    *,
    occlude: Occlude | None = None,
) -> tuple[Pixels, Pixels]:
    """Apply a transform to image (H, W, 3) and labels (H, W); the inputs are not modified.

    The source has no pixels beyond its border. The image is reflected there, so that the
    network learns no seam or black corner. The labels there are 255 (ignored), because a
    reflected eye would be on the wrong side for its id.

    Args:
        image: RGB (H, W, 3).
        labels: Class ids (H, W).
        change: The transform.
        classes: The class set of the labels.
        occlude: Draws an occluder on image and labels, or None. It is called after the warp and
            before the colours change, because the camera records the face and the occluder
            together.
    """
    if change.flip:
        image, labels = flip(image, labels, classes)
    if (change.degrees, change.scale, change.shift_x, change.shift_y) != (0, 1, 0, 0):
        image, labels = _warp(image, labels, change)
    if occlude is not None:
        image, labels = occlude(image, labels)
    return _adjust(image, change), labels


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


def _adjust(image: Pixels, change: Transform) -> Pixels:
    """Change colours first, then degrade in the order of a camera: blur, noise, JPEG."""
    colours = (change.brightness, change.contrast, change.hue_degrees, change.saturation)
    if change.gamma != 1:
        image = photometrics.adjust_gamma(image, change.gamma)
    if colours != (0, 1, 0, 1):
        image = photometrics.adjust_colours(image, *colours)
    if change.blur > 0:
        image = photometrics.blur(image, change.blur)
    if change.noise > 0:
        image = photometrics.add_noise(image, change.noise, *change.noise_at)
    if change.quality < photometrics.BEST_QUALITY:
        image = photometrics.compress(image, change.quality)
    return image
