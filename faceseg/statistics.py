"""How sure a score is: resampling the images it was measured on.

Shapes: N images, C classes. A matrix is kept for each image, so a resample is a weighted sum.
Source: Efron and Tibshirani 1993, the percentile interval.
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics import Counts, class_iou, mean_of_defined

CHUNK = 500  # resamples at once: bounds the memory at CHUNK x C x C numbers


def bootstrap_mean_iou(counts: Counts, resamples: int = 2000, seed: int = 0) -> NDArray[np.float64]:
    """Return the mean foreground IoU of `resamples` draws of N images with replacement.

    counts: (N, C, C). The draws depend on N, `resamples` and `seed` alone, so two models
    tested on the same images are resampled alike.
    """
    images = len(counts)
    flat = counts.reshape(images, -1).astype(np.float64)
    generator = np.random.Generator(np.random.Philox(seed))
    found = []
    for start in range(0, resamples, CHUNK):
        size = min(CHUNK, resamples - start)
        weights = generator.multinomial(images, np.full(images, 1 / images), size=size)
        matrices = (weights @ flat).reshape(size, *counts.shape[1:])
        found.append(mean_of_defined(class_iou(matrices.astype(np.int64))[:, 1:]))
    return np.concatenate(found)


def interval(draws: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of draws; NaN ones (no class at all) are left out."""
    outside = 50 * (1 - level)
    low, high = np.nanpercentile(draws, [outside, 100 - outside])
    return float(low), float(high)
