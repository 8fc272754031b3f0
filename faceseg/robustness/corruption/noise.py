"""Pixel noise: each value is replaced by a random value of a known distribution.

Each kind is a table of distributions by value, and one uniform draw for each channel selects
the result (inverse transform sampling). All severities use the same draw, so a pixel that
the noise brightens is bright at all of them. A draw has `DRAWS` possible values, which cuts off
the tails beyond 1 in 8,192 on either side.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, pdtr, pdtrc

from faceseg.robustness.corruption.severity import Image, ImageAtSeverity

Chances = NDArray[np.float64]

DRAWS = 4096

_SIGMAS = (0.08, 0.12, 0.18, 0.26, 0.38)  # of the full range
_PHOTONS = (60.0, 25.0, 12.0, 5.0, 3.0)  # at the full range
_GAINS = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
_WELL = 1000.0  # electrons of a white pixel in full light
_READ = 3.0  # standard deviation of the read-out noise in electrons


def gaussian_noise(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Add normal noise to each channel of each pixel."""
    return _noisy(image, generator, _gaussian)


def shot_noise(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Replace each channel of each pixel by a Poisson draw: a count of photons."""
    return _noisy(image, generator, _poisson)


def low_light(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Simulate an exposure in 1/2 to 1/32 of the light, without brightening the result.

    sRGB values are made linear and multiplied by the share of the light; electrons are counted
    (Poisson) and read out (normal noise); the result is converted back to sRGB.
    Model: Foi et al. 2008, Poissonian-Gaussian noise.
    """
    return _noisy(image, generator, _poisson_gaussian)


def _noisy(
    image: Image, generator: np.random.Generator, outcomes: Callable[[int], Image]
) -> ImageAtSeverity:
    draws = generator.integers(0, DRAWS, image.shape, dtype=np.uint16)
    index = image.astype(np.int32) * DRAWS + draws
    return lambda severity: outcomes(severity).ravel()[index]


@cache
def _gaussian(severity: int) -> Image:
    values, limits = np.arange(256)[:, None], np.arange(255) + 0.5
    return _outcomes(ndtr((limits - values) / (255 * _SIGMAS[severity - 1])))


@cache
def _poisson(severity: int) -> Image:
    photons = _PHOTONS[severity - 1]
    # A count k becomes the value 255 k / photons; `counts` are the largest counts below the limits.
    counts = np.floor((np.arange(255) + 0.5) / 255 * photons)
    return _outcomes(pdtr(counts, np.arange(256)[:, None] / 255 * photons))


@cache
def _poisson_gaussian(severity: int) -> Image:
    mean = _linear(np.arange(256)) * _WELL * _GAINS[severity - 1]
    limits = _linear(np.arange(255) + 0.5) * _WELL
    counts = np.arange(_WELL)  # at gain 1/2 the last is 22 deviations above the mean
    below = pdtr(counts, mean[:, None])
    chance = np.diff(below, axis=1, prepend=0.0)  # of each count, (256, counts)
    read_out = ndtr((limits - counts[:, None]) / _READ)
    return _outcomes(chance @ read_out + pdtrc(counts[-1], mean)[:, None])


def _outcomes(at_most: Chances) -> Image:
    """Return the result (256, DRAWS) for each value and each draw.

    `at_most` (256, 255) are the probabilities of a result of at most 0, at most 1, ... 254.
    """
    middles = (np.arange(DRAWS) + 0.5) / DRAWS
    return np.stack([np.searchsorted(row, middles) for row in at_most]).astype(np.uint8)


def _linear(values: NDArray[np.number]) -> NDArray[np.float64]:
    """Return the linear light (0 to 1) of sRGB values (0 to 255)."""
    shares = np.asarray(values, np.float64) / 255
    light: NDArray[np.float64] = np.where(
        shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4
    )
    return light
