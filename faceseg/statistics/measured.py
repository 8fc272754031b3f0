"""One score of one network: on the images as they are, and on resampled ones, by seed.

Shapes: S seeds, N images, R resamples; T stands for the axes of one image's tallies.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics import Fractions
from faceseg.statistics.resampling import Resampling, Score


@dataclass(frozen=True)
class Measured:
    """A score by seed: `values` (S,) on the images, `draws` (S, R) on their resamples."""

    values: Fractions
    draws: Fractions
    resampling: Resampling


def measure(tallies: NDArray[np.generic], score: Score, resampling: Resampling) -> Measured:
    """Score the finals of a network, one a seed, from their tallies (S, N, *T).

    A single model is a network of one seed: `tallies[None]`. The conditions of a final that go
    into one score (clean, occluded) are axes of T. Raises ValueError for other shapes.
    """
    if tallies.ndim < 3:
        raise ValueError(f"tallies of shape {tallies.shape}: expected seeds, images, numbers")
    values = score(tallies.sum(axis=1).astype(np.float64))
    if values.shape != tallies.shape[:1]:
        raise ValueError(
            f"the score gives shape {values.shape} for {len(tallies)} seeds: expected one number"
            " of each tally, leading axes kept"
        )
    draws = resampling.draws(np.moveaxis(tallies, 1, 0), score)
    return Measured(values, draws.T, resampling)
