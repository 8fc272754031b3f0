"""The kinds of cor-v1, on an image's own size.

Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to common
corruptions and perturbations"; their constants, as in the code of ImageNet-C. These are for
pictures of 224 x 224. At another size, lengths (blurs, pixel blocks) are the same share of the
picture, whose side is the square root of its pixels; what is done to a pixel's value (noise,
contrast, brightness) is the same; JPEG has its blocks of 8 pixels. Noise is drawn on the
image's own pixels, so of a large photograph less of it is left on a network's grid.
Departures: results are rounded, not cut off; motion blur does not displace the picture.
`low_light` and `grey` are ours.

Other than `jpeg`, whose pixels depend on the build of the JPEG library, every kind gives the
same pixels on every machine: integers, or floats that are far from where they would round to
another integer.
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
    """Return the severities of a kind: 1 to 5; UserError if there is no such kind."""
    if kind not in _PREPARE:
        raise UserError(f"There is no corruption {kind!r}: expected one of {', '.join(KINDS)}.")
    return SEVERITIES


def corrupt(image: Image, image_id: str, kind: str, severity: float, replica: int = 0) -> Image:
    """Corrupt one RGB image (H, W, 3), which is not changed.

    The same arguments give the same image anywhere, in any order; `replica` asks for another
    draw of noise or direction. Raises UserError for a kind or a severity that there is not.
    """
    return corrupt_each(image, image_id, kind, (severity,), replica)[0]


def corrupt_each(
    image: Image, image_id: str, kind: str, steps: Sequence[float], replica: int = 0
) -> list[Image]:
    """Corrupt one image at several severities, drawing once; otherwise as `corrupt`."""
    known = severities(kind)
    if wrong := [step for step in steps if step not in known]:
        raise UserError(f"Severity {wrong[0]:g} of {kind!r}: expected 1, 2, 3, 4 or 5.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ValueError(f"expected one uint8 RGB image (H, W, 3), got {image.dtype} {image.shape}")
    worsened = _PREPARE[kind](image, generator_for(VERSION, kind, image_id, replica))
    return [worsened(int(step)) for step in steps]
