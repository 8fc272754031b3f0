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

from faceseg.metrics import Fractions

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

    def draws(self, tallies: NDArray[np.generic], score: Score) -> Fractions:
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
