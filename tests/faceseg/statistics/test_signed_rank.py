"""Wilcoxon and Holm against values worked by hand."""

import math

import numpy as np
import pytest

from faceseg.statistics import SignedRankResult, holm_correction, signed_rank_test


def compared(differences, photos=None):
    """Return the test of two models whose scores differ by these."""
    second = np.full(len(differences), 0.5)
    first = second + np.array(differences) / 64  # exact in binary
    return signed_rank_test(first, second, photos or [str(index) for index in range(len(second))])


def test_ranks_by_hand():
    # Ranks 1 to 4, the largest for the second model: rank sums 6 and 4. Of the 16 ways to sign four
    # ranks, 7 have a sum of at most 4 (none, 1, 2, 3, 4, 1+2, 1+3); two-sided 14/16.
    assert compared([1, 2, 3, -4]) == SignedRankResult(14 / 16, pytest.approx((6 - 4) / 10), 4)


def test_better_everywhere_by_hand():
    assert compared([1, 2, 3, 4, 5]) == SignedRankResult(pytest.approx(2 / 32), 1.0, 5)
    assert compared([-1, -2, -3, -4, -5]) == SignedRankResult(pytest.approx(2 / 32), -1.0, 5)


def test_ties_share_their_rank_by_hand():
    # Ranks 1.5, 1.5, 3.5, 3.5, 5; the second model has 3.5. Sums of at most 3.5: none, two of
    # 1.5, two of 3.5, and 1.5+1.5: 6 of 32, two-sided 12/32.
    assert compared([1, 1, 2, -2, 3]) == SignedRankResult(
        pytest.approx(12 / 32), pytest.approx((11.5 - 3.5) / 15), 5
    )


def test_zeros_are_ranked_and_dropped_by_hand():
    # The zero has rank 1, the others 2 to 5. Sums of at most 5: none, 2, 3, 4, 5, 2+3: 6 of 16.
    assert compared([0, 1, 2, 3, -4]) == SignedRankResult(
        pytest.approx(12 / 16), pytest.approx((9 - 5) / 15), 5
    )


def test_differences_equal_but_for_the_last_bit_tie():
    first, second = np.array([0.3, 0.1]), np.array([0.2, 0.2])
    assert first[0] - second[0] != second[1] - first[1]
    assert signed_rank_test(first, second, ["a", "b"]).effect == 0


def test_a_pair_with_a_nan_is_left_out():
    first = np.array([0.6, math.nan, 0.7, 0.9])
    second = np.array([0.5, 0.4, math.nan, 0.6])
    assert signed_rank_test(first, second, ["a", "b", "c", "d"]).photos == 2


def test_a_photograph_counts_once_by_the_mean_of_its_images():
    # Photographs: a with +5 and -1 (mean 2), b with +3, c with -4 (its other pair is NaN).
    found = compared([5, -1, 3, -4, math.nan], ["a", "a", "b", "c", "c"])
    assert found == compared([2, 3, -4])


def test_exchanging_the_models_reverses_the_effect():
    draws = np.random.default_rng(0).normal(0.1, 1, (2, 60))
    photos = [str(each) for each in range(60)]
    one, other = signed_rank_test(*draws, photos), signed_rank_test(*draws[::-1], photos)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.effect == pytest.approx(-other.effect)


def test_no_difference_and_no_pair():
    assert compared([0, 0, 0]) == SignedRankResult(1.0, 0.0, 3)
    nothing = compared([math.nan, math.nan])
    assert math.isnan(nothing.p_value)
    assert math.isnan(nothing.effect)
    assert nothing.photos == 0


def test_scores_and_photos_must_fit():
    with pytest.raises(ValueError, match="for 2 photos"):
        signed_rank_test(np.ones(3), np.ones(3), ["a", "b"])
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        signed_rank_test(np.ones(3), np.ones(2), ["a", "b", "c"])


def test_holm_by_hand():
    # In order: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not fall below 0.06.
    assert holm_correction([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_correction([0.6, 0.7]) == pytest.approx([1.0, 1.0])


def test_missing_tests_do_not_count_in_the_family():
    adjusted = holm_correction([0.01, math.nan, 0.04])
    assert adjusted[::2] == pytest.approx([0.02, 0.04])
    assert math.isnan(adjusted[1])
    assert holm_correction([]) == []
