"""Wilcoxon's signed-rank test of two models on the same images, and Holm's correction.

The test shows whether one model is better on the typical photograph, not by how much. It
complements the interval of the difference and does not include training noise.

The unit is the photograph, with the mean difference over its images, because images of one
photograph are not independent. Pairs with a NaN (no foreground, so no score) are left out.
Differences are rounded to 12 decimals, so that those equal but for the last bit tie; ties share
their mean rank. Zeros are ranked and then dropped (Pratt 1959): photographs on which both models
score the same weigh against a difference.
Shapes: N images. Source: Wilcoxon 1945; Kerby 2014 (effect size); Holm 1979.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceseg.metrics.confusion_matrix import Fractions, ratio

DECIMALS = 12


@dataclass(frozen=True)
class SignedRankResult:
    """The result of the test.

    Attributes:
        p_value: The two-sided p-value.
        effect: The matched-pairs rank-biserial correlation: the share of the rank sum on which the
            first model is better, less that on which the second is. It is 1 if the first model is
            better everywhere, -1 if it is worse everywhere.
        photos: The number of compared photographs.
    """

    p_value: float
    effect: float
    photos: int


def signed_rank_test(
    first: Fractions, second: Fractions, photos: Sequence[str]
) -> SignedRankResult:
    """Test whether two models score differently on the same images.

    Args:
        first: The first model's score of each image, (N,); of a network with several seeds the
            mean over them.
        second: The second model's scores, (N,).
        photos: The name of each image's photograph, N names.

    Returns:
        The result. Without a pair p-value and effect are NaN; if all differences are 0 the p-value
        is 1 and the effect 0.

    Raises:
        ValueError: The lengths differ.

    Example:
        >>> signed_rank_test(per_image_iou(one, LAPA), per_image_iou(other, LAPA), split.photos)
    """
    if not first.shape == second.shape == (len(photos),):
        raise ValueError(
            f"scores of shapes {first.shape} and {second.shape} for {len(photos)} photos:"
            " expected one a photo name"
        )
    found = _by_photo(first - second, photos)
    if not len(found):
        return SignedRankResult(math.nan, math.nan, 0)
    if not found.any():
        return SignedRankResult(1.0, 0.0, len(found))
    from scipy.stats import rankdata, wilcoxon

    ranks = rankdata(np.abs(found))
    effect = float((np.sign(found) * ranks).sum() / ranks.sum())
    p_value = float(wilcoxon(found, zero_method="pratt").pvalue)
    return SignedRankResult(p_value, effect, len(found))


def holm_correction(p_values: Sequence[float]) -> list[float]:
    """Correct the p-values of a family of tests by Holm's method.

    Args:
        p_values: The p-values. NaN is ignored and returned as NaN.

    Returns:
        The corrected p-values, in the same order.

    Example:
        >>> holm_correction([0.01, 0.04])
        [0.02, 0.04]
    """
    from statsmodels.stats.multitest import multipletests

    given = np.array(p_values, dtype=np.float64)
    adjusted = given.copy()
    defined = np.isfinite(given)
    if defined.any():
        adjusted[defined] = multipletests(given[defined], method="holm")[1]
    return [float(each) for each in adjusted]


def _by_photo(differences: Fractions, photos: Sequence[str]) -> Fractions:
    """Return the mean difference of each photograph that has at least one."""
    defined = np.isfinite(differences)
    numbers = np.unique(np.array(photos)[defined], return_inverse=True)[1]
    means = ratio(np.bincount(numbers, differences[defined]), np.bincount(numbers))
    return np.round(means, DECIMALS)
