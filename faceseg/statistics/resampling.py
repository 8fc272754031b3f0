"""Photographs drawn with replacement: what a score might be on another test set.

The images of one photograph are drawn together, since their errors are alike. A score is a
function of tallies summed over images, so a resample is a sum weighted by how often each
photograph was drawn.

Shapes: N images, P photographs, R resamples; T stands for the axes of one image's tallies.
Source: Efron and Tibshirani 1993; Field and Welsh 2007, the bootstrap of whole clusters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics.confusion_matrix import Fractions

CHUNK = 500  # resamples at once: bounds the memory at CHUNK x (P + the numbers of a tally)

Score = Callable[[Fractions], Fractions]  # summed tallies (..., *T) -> (...)


@dataclass(frozen=True)
class Resampling:
    """R draws of P photographs out of P, with replacement.

    `photos` names the photograph of each image, N names. The draws depend on these three fields
    alone, so all that is tested on the same images is resampled alike (paired).
    """

    photos: tuple[str, ...]
    resamples: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.photos or self.resamples < 1:
            raise ValueError(
                f"{len(self.photos)} images and {self.resamples} resamples: give 1 or more of each"
            )

    @property
    def count(self) -> int:
        """The number of photographs, P."""
        return int(self._places.max()) + 1

    def resampled_scores(self, tallies: NDArray[np.generic], score: Score) -> Fractions:
        """Return the score of each resample: tallies (N, *T) -> (R, ...)."""
        if len(tallies) != len(self.photos):
            raise ValueError(f"tallies of {len(tallies)} images for {len(self.photos)} photos")
        by_photo = np.zeros((self.count, *tallies.shape[1:]))
        np.add.at(by_photo, self._places, tallies.astype(np.float64))
        flat = by_photo.reshape(self.count, -1)
        # Sums of pixels stay below 2**53, so float64 holds them exactly.
        return np.concatenate(
            [score((weights @ flat).reshape(-1, *tallies.shape[1:])) for weights in self._weights()]
        )

    def _weights(self) -> Iterator[Fractions]:
        """Yield how often each photograph is drawn, (up to CHUNK, P) at a time."""
        generator = np.random.Generator(np.random.Philox(self.seed))
        for start in range(0, self.resamples, CHUNK):
            size = min(CHUNK, self.resamples - start)
            drawn = generator.integers(self.count, size=(size, self.count))
            drawn += self.count * np.arange(size)[:, None]
            times = np.bincount(drawn.ravel(), minlength=size * self.count)
            yield times.reshape(size, self.count).astype(np.float64)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """The photograph of each image, as a number from 0 to P - 1 in the order of names."""
        return np.unique(np.array(self.photos), return_inverse=True)[1]


# --- One score of one network: on the images as they are, and on resampled ones, by seed.
#
# Shapes: S seeds, N images, R resamples; T stands for the axes of one image's tallies.


@dataclass(frozen=True)
class ResampledScore:
    """A score by seed: `values` (S,) on the images, `draws` (S, R) on their resamples."""

    values: Fractions
    resampled: Fractions
    resampling: Resampling


def resample_score(
    tallies: NDArray[np.generic], score: Score, resampling: Resampling
) -> ResampledScore:
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
    draws = resampling.resampled_scores(np.moveaxis(tallies, 1, 0), score)
    return ResampledScore(values, draws.T, resampling)
