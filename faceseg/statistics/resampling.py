"""The bootstrap over photographs: scores on test sets drawn from the test set with replacement.

The images of one photograph are drawn together, because their errors are correlated. A score is a
function of counts summed over images, so a resample is a sum weighted by how often each photograph
was drawn.

Shapes: S seeds, N images, P photographs, R resamples; T stands for the axes of one image's counts.
Source: Efron and Tibshirani 1993; Field and Welsh 2007, the bootstrap of whole clusters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceseg.metrics.confusion_matrix import Fractions

CHUNK = 500  # resamples at once: bounds the memory at CHUNK x (P + the counts of an image)

Score = Callable[[Fractions], Fractions]  # summed counts (..., *T) -> (...)


@dataclass(frozen=True)
class Resampling:
    """R draws of P photographs out of P, with replacement.

    The draws depend on these fields alone, so all networks tested on the same images are resampled
    with the same draws (paired).

    Attributes:
        photos: The name of each image's photograph, (N,).
        resamples: R, 1 or more.
        seed: The seed of the draws.

    Raises:
        ValueError: There are no images or no resamples.
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
        return int(self._photo_numbers.max()) + 1

    def resampled_scores(self, counts: NDArray[np.generic], score: Score) -> Fractions:
        """Return the score of each resample: counts (N, *T) -> (R, ...).

        Raises:
            ValueError: The number of images is not that of `photos`.
        """
        if len(counts) != len(self.photos):
            raise ValueError(f"counts of {len(counts)} images for {len(self.photos)} photos")
        by_photo = np.zeros((self.count, *counts.shape[1:]))
        np.add.at(by_photo, self._photo_numbers, counts.astype(np.float64))
        flat = by_photo.reshape(self.count, -1)
        # Sums of pixels stay below 2**53, so float64 represents them exactly.
        return np.concatenate(
            [score((weights @ flat).reshape(-1, *counts.shape[1:])) for weights in self._weights()]
        )

    def _weights(self) -> Iterator[Fractions]:
        """Yield how often each photograph is drawn, for up to CHUNK resamples at a time, (…, P)."""
        generator = np.random.Generator(np.random.Philox(self.seed))
        for start in range(0, self.resamples, CHUNK):
            size = min(CHUNK, self.resamples - start)
            drawn = generator.integers(self.count, size=(size, self.count))
            drawn += self.count * np.arange(size)[:, None]
            times = np.bincount(drawn.ravel(), minlength=size * self.count)
            yield times.reshape(size, self.count).astype(np.float64)

    @cached_property
    def _photo_numbers(self) -> NDArray[np.intp]:
        """The photograph of each image as a number from 0 to P - 1, in the order of names."""
        return np.unique(np.array(self.photos), return_inverse=True)[1]


@dataclass(frozen=True)
class ResampledScore:
    """A network's score by seed.

    Attributes:
        values: The scores on the images, (S,).
        resampled: The scores on the resamples, (S, R).
        resampling: The resamples.
    """

    values: Fractions
    resampled: Fractions
    resampling: Resampling


def resample_score(
    counts: NDArray[np.generic], score: Score, resampling: Resampling
) -> ResampledScore:
    """Score the finals of a network, one a seed, on the images and on their resamples.

    Args:
        counts: Counts of each final and image, (S, N, *T). For a single model pass `counts[None]`.
            If several conditions (clean, occluded) enter one score, they are axes of T.
        score: A function of counts summed over images, (..., *T) -> (...).
        resampling: The resamples.

    Raises:
        ValueError: The counts have another shape, or the score does not return one number a seed.

    Example:
        >>> resampling = Resampling(split.photos)
        >>> score = resample_score(overlap_counts(counts), mean_iou, resampling)
    """
    if counts.ndim < 3:
        raise ValueError(f"counts of shape {counts.shape}: expected seeds, images, numbers")
    values = score(counts.sum(axis=1).astype(np.float64))
    if values.shape != counts.shape[:1]:
        raise ValueError(
            f"the score gives shape {values.shape} for {len(counts)} seeds: expected one number"
            " for each seed, leading axes kept"
        )
    resampled = resampling.resampled_scores(np.moveaxis(counts, 1, 0), score)
    return ResampledScore(values, resampled.T, resampling)
