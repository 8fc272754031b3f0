"""Intervals of a network's score and of the difference of two, training noise included.

Two things are random: the photographs of the test set and the seeds of the trainings. Photographs
are resampled (`Resampling`), with the same draws for two networks. Resampling the two or three
seeds as well would be the plain hierarchical bootstrap, but its intervals cover the true value far
too seldom: three seeds show two thirds of their variance, and the estimate of it is imprecise.
`python -m tests.benchmarks.coverage` measures the coverage of both that and the method here:

- The training variance of a mean over S seeds is the sample variance of their scores over S, less
  the part that the photographs' draws contain already (the seeds' differences on single images).
  That of a difference is the sum of two. It is never below 0. It is the estimator of a two-way
  random model (Searle, Casella and McCulloch 1992).
- It widens each side of the photographs' percentile interval in quadrature (Zou and Donner 2008).
- Student's t replaces the normal quantile: with P - 1 degrees of freedom for the photographs and
  Welch's (1947) for the seeds of one network or two. The mean of the two quantiles, weighted by
  their variances, is used (Cochran and Cox 1957). The photographs' variance is multiplied by
  P / (P - 1) (Hesterberg 2015, on the narrowness of the bootstrap).

With one seed the training noise is unknown and is not included: see `Estimate.seeds`.
Shapes: S seeds, P photographs, R resamples. An undefined score has the interval (NaN, NaN).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtri, stdtrit

from faceseg.metrics.confusion_matrix import Fractions
from faceseg.statistics.resampling import ResampledScore

Interval = tuple[float, float]
Verdict = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score, or a difference of two, with its intervals.

    Attributes:
        value: The mean over seeds, or the difference of two means.
        low: Lower end of the interval for new photographs and new trainings.
        high: Its upper end.
        fixed_low: Lower end of the interval for new photographs and the same finals.
        fixed_high: Its upper end.
        photos: The number of photographs.
        seeds: The number of finals of each network.
    """

    value: float
    low: float
    high: float
    fixed_low: float
    fixed_high: float
    photos: int
    seeds: tuple[int, ...]

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class _Noise:
    """The training noise of mean scores over seeds: its variance and degrees of freedom."""

    variance: float
    degrees: float


_NO_NOISE = _Noise(0.0, math.inf)


def estimate(measured: ResampledScore, level: float = 0.95, highest: float = 1.0) -> Estimate:
    """Return the mean score over a network's seeds with its intervals.

    Args:
        measured: The score of each seed, on the images and on their resamples.
        level: The confidence level of the intervals.
        highest: The largest possible score; the intervals are cut off at 0 and here, where no
            true value can be.

    Returns:
        The mean with its intervals.

    Example:
        >>> found = estimate(resample_score(overlap_counts(counts), mean_iou, resampling))
        >>> found.value, found.low, found.high
    """
    found = _estimate([(1, measured)], level)
    ends = (found.low, found.high, found.fixed_low, found.fixed_high)
    # numpy's clip keeps NaN, the end of an undefined interval.
    low, high, fixed_low, fixed_high = np.clip(ends, 0.0, highest).tolist()
    return replace(found, low=low, high=high, fixed_low=fixed_low, fixed_high=fixed_high)


def estimate_difference(
    first: ResampledScore, second: ResampledScore, level: float = 0.95
) -> Estimate:
    """Return the first network's mean score minus the second's, with its intervals.

    Photographs are paired, seeds are not.

    Args:
        first: The first network's scores.
        second: The second network's scores, from the same resampling.
        level: The confidence level of the intervals.

    Returns:
        The difference with its intervals.

    Raises:
        ValueError: The two scores have different images or different resamples.

    Example:
        >>> verdict(estimate_difference(unet, pspnet), margin=0.01)
        'undecided'
    """
    if first.resampling != second.resampling:
        raise ValueError(
            "two networks of different images, resamples or bootstrap seeds cannot be paired:"
            " measure both with one Resampling"
        )
    return _estimate([(1, first), (-1, second)], level)


def verdict(found: Estimate, margin: float = 0.0) -> Verdict:
    """Judge the claim that the value is above the margin, by the interval alone.

    The claim is supported if the whole interval is above the margin, contradicted if the whole
    interval is below it, and undecided otherwise (also if the interval is NaN).

    Args:
        found: The estimate.
        margin: The margin, in the unit of the estimate.

    Returns:
        `supported`, `contradicted` or `undecided`.
    """
    if found.low > margin:
        return "supported"
    return "contradicted" if found.high < margin else "undecided"


def percentile_interval(resampled: Fractions, level: float = 0.95) -> Interval:
    """Return the percentile interval of resampled scores; NaN scores (no class) are left out."""
    defined = resampled[np.isfinite(resampled)]
    if not len(defined):
        return math.nan, math.nan
    outside = 50 * (1 - level)
    low, high = np.percentile(defined, [outside, 100 - outside])
    return float(low), float(high)


def _estimate(parts: Sequence[tuple[int, ResampledScore]], level: float) -> Estimate:
    """Return the estimate of a sum of signed means over seeds."""
    value = float(sum(sign * part.values.mean() for sign, part in parts))
    defined = np.all([np.isfinite(part.resampled).all(axis=0) for _, part in parts], axis=0)
    drawn = [part.resampled[:, defined] for _, part in parts]
    total = np.sum(
        [sign * draws.mean(axis=0) for (sign, _), draws in zip(parts, drawn, strict=True)], axis=0
    )
    noise = _training_noise([part.values for _, part in parts], drawn)
    photos = parts[0][1].resampling.count
    low, high = _interval(value, total, photos, noise, level)
    fixed_low, fixed_high = _interval(value, total, photos, _NO_NOISE, level)
    return Estimate(
        value=value,
        low=low,
        high=high,
        fixed_low=fixed_low,
        fixed_high=fixed_high,
        photos=photos,
        seeds=tuple(len(part.values) for _, part in parts),
    )


def _training_noise(values: Sequence[Fractions], draws: Sequence[Fractions]) -> _Noise:
    """Return the noise of networks' means, from their scores (S,) and resampled scores (S, R)."""
    between, on_images, spread = 0.0, 0.0, 0.0
    for scores, drawn in zip(values, draws, strict=True):
        seeds = len(scores)
        if seeds < 2 or not drawn.size:
            continue
        variance = float(scores.var(ddof=1)) / seeds
        between += variance
        spread += variance**2 / (seeds - 1)
        apart = (drawn - drawn.mean(axis=0)).var(axis=1).sum() / (seeds - 1)
        on_images += float(apart) / seeds
    if between <= on_images:
        return _NO_NOISE
    return _Noise(between - on_images, between**2 / spread)


def _interval(value: float, draws: Fractions, photos: int, noise: _Noise, level: float) -> Interval:
    """Return the interval of a value from its scores on resampled photographs and its noise."""
    if not math.isfinite(value) or photos < 2 or not len(draws):
        return math.nan, math.nan
    low, high = percentile_interval(draws, level)
    narrow = photos / (photos - 1)
    by_photos = narrow * float(draws.var())
    if by_photos + noise.variance == 0:
        return value, value
    share = (1 + level) / 2
    normal = ndtri(share)
    student = (
        by_photos * stdtrit(photos - 1, share) + noise.variance * stdtrit(noise.degrees, share)
    ) / (by_photos + noise.variance)
    below, above = (
        float(student / normal)
        * math.sqrt(narrow * max(0.0, side) ** 2 + normal**2 * noise.variance)
        for side in (value - low, high - value)
    )
    return value - below, value + above
