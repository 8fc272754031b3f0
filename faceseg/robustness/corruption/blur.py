"""Gaussian, defocus and motion blur, with mirrored borders."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from faceseg.robustness.corruption.severity import Image, ImageAtSeverity, size_ratio

Kernel = NDArray[np.float64]

_SIGMAS = (1.0, 2.0, 3.0, 4.0, 6.0)
_DISCS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))  # radius, softness of its edge
_STROKES = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))  # radius, sigma

_CUT = 4  # standard deviations at which a Gaussian is cut off
_UNIT = 2**28  # the sum of a kernel, whose weights are whole numbers


def gaussian_blur(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Blur by a Gaussian."""
    scale = size_ratio(image)
    return _convolved(image, [_gaussian(sigma * scale) for sigma in _SIGMAS])


def defocus_blur(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Blur by a disc with a soft edge."""
    scale = size_ratio(image)
    return _convolved(image, [_disc(radius * scale, soft) for radius, soft in _DISCS])


def motion_blur(image: Image, generator: np.random.Generator) -> ImageAtSeverity:
    """Blur along a line of at most 45 degrees with a trail that fades out.

    The trail of the source (ImageMagick's) starts at each point, which displaces the picture
    relative to its labels. Here it is centred at the point.
    """
    scale, angle = size_ratio(image), math.radians(float(generator.uniform(-45, 45)))
    kernels = [_stroke(radius * scale, sigma * scale, angle) for radius, sigma in _STROKES]
    return _convolved(image, kernels)


def _gaussian(sigma: float) -> Kernel:
    reach = math.ceil(_CUT * sigma)
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return np.outer(weights, weights)


def _disc(radius: float, softness: float) -> Kernel:
    # The source draws discs of up to 8 pixels on a grid of 17, and larger ones with a softer edge.
    reach = 8 if radius <= 8 else math.ceil(radius)
    width = 3 if radius <= 8 else 5
    places = np.arange(-reach, reach + 1)
    disc = (places[:, None] ** 2 + places**2 <= radius**2).astype(np.float64)
    return np.asarray(cv2.GaussianBlur(disc / disc.sum(), (width, width), softness), np.float64)


def _stroke(radius: float, sigma: float, angle: float) -> Kernel:
    steps = np.arange(2 * math.ceil(radius) + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    along = steps - (weights * steps).sum()
    columns = np.rint(along * math.cos(angle)).astype(int)
    rows = np.rint(along * math.sin(angle)).astype(int)
    reach = int(max(np.abs(columns).max(), np.abs(rows).max()))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    np.add.at(kernel, (reach + rows, reach + columns), weights)
    return kernel


def _convolved(image: Image, kernels: Sequence[Kernel]) -> ImageAtSeverity:
    """Return the image (H, W, 3) convolved with each kernel (odd, odd), equal on every machine.

    Kernels are scaled to a sum of 1; the source's discs of 8 and 10 pixels have a sum 1 % larger
    and brighten the picture. Pixels and kernels are whole numbers, and so are the sums. The error
    of the Fourier transform in double precision is far below one half (0.00003 at 2,000 x 1,500
    pixels), so rounding makes the result exact.
    """
    wide = max(len(kernel) for kernel in kernels) // 2
    height, width = image.shape[:2]
    border = cv2.copyMakeBorder(image, wide, wide, wide, wide, cv2.BORDER_REFLECT_101)
    size = [fft.next_fast_len(length + 2 * wide, real=True) for length in (height, width)]
    planes = np.moveaxis(np.asarray(border, np.float64), 2, 0)
    spectrum = fft.rfft2(planes, size)

    def corrupted(severity: int) -> Image:
        kernel = _whole(kernels[severity - 1])
        reach = len(kernel) // 2
        both = fft.irfft2(spectrum * fft.rfft2(kernel, size), size)
        first = wide + reach
        sums = np.rint(both[:, first : first + height, first : first + width]).astype(np.int64)
        rounded = (sums + _UNIT // 2) // _UNIT
        return np.ascontiguousarray(np.moveaxis(rounded.astype(np.uint8), 0, 2))

    return corrupted


def _whole(kernel: Kernel) -> Kernel:
    """Scale a kernel to whole numbers of sum _UNIT; the largest weight gets the rounding error."""
    whole: Kernel = np.rint(kernel / kernel.sum() * _UNIT)
    whole.flat[whole.argmax()] += _UNIT - whole.sum()
    return whole
