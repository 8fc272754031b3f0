"""The kinds and severities of cor-v1, which is applied at an image's own size.

Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to common
corruptions and perturbations", with the constants in the code of ImageNet-C. These are for
pictures of 224 x 224. At another size, lengths (blurs, pixel blocks) keep their share of the
picture's side, which is the square root of its number of pixels. Changes of a pixel's value
(noise, contrast, brightness) are independent of the size, and JPEG always has blocks of 8 pixels.
Noise is applied to the image's own pixels, so resizing a large photograph to a network's input
size reduces it.
Departures from the source: results are rounded, not truncated; motion blur does not displace
the picture. `low_light` and `grey` are additions.

Every kind except `jpeg`, whose pixels depend on the build of the JPEG library, gives the same
pixels on every machine: it computes with integers, or with floats that are far from a rounding
boundary.
"""

from collections.abc import Callable, Sequence

import numpy as np

from faceseg.errors import UserError
from faceseg.robustness.corruption.blur import defocus_blur, gaussian_blur, motion_blur
from faceseg.robustness.corruption.digital import brightness, contrast, grey, jpeg, pixelate
from faceseg.robustness.corruption.noise import gaussian_noise, low_light, shot_noise
from faceseg.robustness.corruption.severity import Image, ImageAtSeverity
from faceseg.robustness.seeds import generator_for

VERSION = "cor-v1"
SEVERITIES = (1.0, 2.0, 3.0, 4.0, 5.0)

_PREPARE: dict[str, Callable[[Image, np.random.Generator], ImageAtSeverity]] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "gaussian_blur": gaussian_blur,
    "defocus_blur": defocus_blur,
    "motion_blur": motion_blur,
    "contrast": contrast,
    "brightness": brightness,
    "jpeg": jpeg,
    "pixelate": pixelate,
    "low_light": low_light,
    "grey": grey,
}

KINDS = tuple(_PREPARE)


def severities(kind: str) -> tuple[float, ...]:
    """Return the severities of a kind, 1 to 5; raise UserError for an unknown kind."""
    if kind not in _PREPARE:
        raise UserError(f"There is no corruption {kind!r}: expected one of {', '.join(KINDS)}.")
    return SEVERITIES


def corrupt(image: Image, image_id: str, kind: str, severity: float, replica: int = 0) -> Image:
    """Corrupt one image. The same arguments give the same result anywhere, in any order.

    Args:
        image: uint8 RGB (H, W, 3); it is not modified.
        image_id: The id of the image, a part of the key of its random numbers.
        kind: One of `KINDS`.
        severity: One of `SEVERITIES`.
        replica: Another number gives other noise or another direction.

    Returns:
        The corrupted image, uint8 RGB (H, W, 3).

    Raises:
        UserError: The kind or the severity is unknown.
        ValueError: The image is not uint8 RGB.
    """
    return corrupt_each(image, image_id, kind, (severity,), replica)[0]


def corrupt_each(
    image: Image, image_id: str, kind: str, steps: Sequence[float], replica: int = 0
) -> list[Image]:
    """Corrupt one image at several severities with the same random numbers; see `corrupt`."""
    known = severities(kind)
    if wrong := [step for step in steps if step not in known]:
        raise UserError(f"Severity {wrong[0]:g} of {kind!r}: expected 1, 2, 3, 4 or 5.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"expected one uint8 RGB image (H, W, 3), got {image.dtype} {image.shape}")
    corrupted = _PREPARE[kind](image, generator_for(VERSION, kind, image_id, replica))
    return [corrupted(int(step)) for step in steps]
