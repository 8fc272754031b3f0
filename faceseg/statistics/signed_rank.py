"""Wilcoxon's signed-rank test of two models on the same images, and Holm's correction.

The test asks whether one model does better on the typical photograph, not by how much: it
stands beside the interval of the difference, and knows nothing of training noise.

The unit is the photograph, the mean difference over its images: images of one photograph are
not independent. Pairs with a NaN (no foreground, so no score) are left out. Differences are
rounded to 12 decimals, so that those equal but for the last bit tie; ties share their mean rank.
Zeros are ranked and then dropped (Pratt 1959): photographs on which both do alike weigh against
a difference.
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
    """What the test found.

    `p_value` is two-sided. `effect` is the matched-pairs rank-biserial correlation, the share of
    the rank sum on which the first model is better less that on which the second is: 1 if the
    first is better everywhere, -1 if nowhere. `photos` were compared.
    """

    p_value: float
    effect: float
    photos: int


def signed_rank_test(
    first: Fractions, second: Fractions, photos: Sequence[str]
) -> SignedRankResult:
    """Compare scores of the same images, (N,) and (N,); `photos` names each one's photograph.

    Of a network with several seeds give each image's mean over them. Without a pair both figures
    are NaN; if all differences are 0 the p-value is 1 and the effect 0.
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
    """Return the p-values of a family of tests, adjusted by Holm; NaN ones stay, uncounted."""
    from statsmodels.stats.multitest import multipletests

    given = np.array(p_values, dtype=np.float64)
    adjusted = given.copy()
    made = np.isfinite(given)
    if made.any():
        adjusted[made] = multipletests(given[made], method="holm")[1]
    return [float(each) for each in adjusted]


def _by_photo(differences: Fractions, photos: Sequence[str]) -> Fractions:
    """Return the mean difference of each photograph that has one."""
    defined = np.isfinite(differences)
    places = np.unique(np.array(photos)[defined], return_inverse=True)[1]
    means = ratio(np.bincount(places, differences[defined]), np.bincount(places))
    return np.round(means, DECIMALS)
