"""Intervals against Student's, Welch's and the percentile interval, and their invariants."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from faceseg.statistics import (
    ResampledScore,
    Resampling,
    estimate,
    estimate_difference,
    mean_iou,
    percentile_interval,
    resample_score,
    verdict,
)
from faceseg.statistics.resampling import CHUNK


def resampling(photos=200, resamples=1000, seed=0):
    return Resampling(tuple(f"photo {number}" for number in range(photos)), resamples, seed)


def network(ious, noise=0.0, photos=200, seed=1, resamples=1000):
    """Return the score of finals with these IoUs; those of single images vary by `noise`.

    `seed` draws the noise, which is the same for all finals.
    """
    off = noise * np.random.default_rng(seed).standard_normal(photos)
    hits = np.array(ious)[:, None] * 1000 + 1000 * off
    counts = np.zeros((len(ious), photos, 2, 2))
    counts[:, :, 1] = np.stack([np.rint(hits), np.full(hits.shape, 1000)], axis=-1)
    return resample_score(counts, mean_iou, resampling(photos, resamples))


def test_trainings_alone_have_students_interval():
    # All photographs are equal, so only the three scores vary: their 95 % interval is Student's.
    found = estimate(network([0.5, 0.6, 0.7]))
    theirs = ttest_1samp([0.5, 0.6, 0.7], 0).confidence_interval()
    assert found.value == pytest.approx(0.6)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert (found.low, found.high) == pytest.approx((0.6 - 4.3027 * 0.1 / 3**0.5, 0.8484), abs=1e-4)
    assert (found.fixed_low, found.fixed_high) == pytest.approx((0.6, 0.6))


def test_the_interval_of_a_score_stays_where_scores_can_be():
    # Student's interval of 0.02, 0.10 and 0.18 reaches below 0, that of 0.9 to 1.0 above 1.
    low, high = estimate(network([0.02, 0.10, 0.18])), estimate(network([0.90, 0.97, 1.0]))
    assert (low.low, high.high) == (0.0, 1.0)
    assert low.low < low.value < low.high < 1
    ratio = estimate(network([0.90, 0.97, 1.0]), highest=math.inf)
    assert ratio.high > 1
    wider = estimate_difference(network([0.02, 0.10, 0.18]), network([0.02, 0.10, 0.18]))
    assert wider.low < 0 < wider.high  # a difference may be negative


def test_two_networks_trainings_alone_have_welchs_interval():
    first, second = [0.5, 0.6, 0.7], [0.42, 0.44, 0.45, 0.41, 0.43]
    found = estimate_difference(network(first), network(second))
    theirs = ttest_ind(first, second, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.seeds == (3, 5)


def test_photographs_alone_have_the_percentile_interval():
    # Every seed gives the same network. With 200 photographs Student's t is 0.6 % wider than the
    # normal, and the bootstrap 0.25 % too narrow.
    several = estimate(network([0.6, 0.6, 0.6], noise=0.1))
    single = network([0.6], noise=0.1)
    low, high = percentile_interval(single.resampled[0])
    value = float(single.values[0])
    wider = 1.97196 / 1.95996 * (200 / 199) ** 0.5
    expected = (value - wider * (value - low), value + wider * (high - value))
    assert (several.low, several.high) == pytest.approx(expected, rel=1e-5)
    assert (several.fixed_low, several.fixed_high) == pytest.approx(expected, rel=1e-5)
    assert estimate(single).seeds == (1,)
    assert estimate(single).low == estimate(single).fixed_low


def test_both_add_in_quadrature():
    # Training noise equals that of the photographs: the variances add, and the two quantiles of
    # Student's t (4.303 with 2 degrees of freedom, 1.972 with 199) have equal weight.
    photos = estimate(network([0.6], noise=0.1))
    error = 0.1 / 200**0.5
    spread = error * 3**0.5  # of three scores whose mean has the error `error`
    found = estimate(network([0.6 - spread, 0.6, 0.6 + spread], noise=0.1))
    expected = (4.303 + 1.972) / 2 * error * 2**0.5
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.1)
    assert found.fixed_high - found.fixed_low == pytest.approx(photos.high - photos.low, rel=1e-3)


def test_seeds_that_differ_in_single_images_only_are_not_counted_twice():
    # Two seeds differ by 0.1. In the resamples each is 0.05 above or below their mean equally
    # often, so the photographs explain all of the seeds' difference.
    apart = np.array([0.05, -0.05] * 500)
    common = 0.01 * np.random.default_rng(0).standard_normal(1000)
    draws = 0.55 + common + np.stack([apart, -apart])
    found = estimate(ResampledScore(np.array([0.5, 0.6]), draws, resampling()))
    assert (found.low, found.high) == pytest.approx((found.fixed_low, found.fixed_high))
    # If they explain a hundredth of it, nearly all of it is training noise.
    draws = 0.55 + common + 0.1 * np.stack([apart, -apart])
    found = estimate(ResampledScore(np.array([0.5, 0.6]), draws, resampling()))
    assert found.high - found.low > 10 * (found.fixed_high - found.fixed_low)


def test_photographs_are_paired():
    # Both networks err on the same photographs; only their difference is uncertain.
    first, second = network([0.7], noise=0.1), network([0.6], noise=0.1)
    found = estimate_difference(first, second)
    assert (found.low, found.high) == pytest.approx((0.1, 0.1), abs=1e-3)
    assert estimate(first).high - estimate(first).low > 0.02
    other = estimate_difference(first, network([0.6], noise=0.1, seed=2))
    assert other.high - other.low == pytest.approx(2**0.5 * 2 * 1.96 * 0.1 / 200**0.5, rel=0.1)


def test_networks_of_other_images_or_resamples_cannot_be_paired():
    first = network([0.7], noise=0.1)
    for other in (network([0.7], photos=199), network([0.7], resamples=CHUNK)):
        with pytest.raises(ValueError, match="measure both with one Resampling"):
            estimate_difference(first, other)


def test_the_reversed_difference_has_the_reversed_interval():
    first, second = network([0.7, 0.72], noise=0.1), network([0.6, 0.65], noise=0.1, seed=2)
    one, other = estimate_difference(first, second), estimate_difference(second, first)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_a_verdict_needs_the_whole_interval():
    found = estimate_difference(network([0.7], noise=0.1), network([0.6], noise=0.1, seed=2))
    assert 0 < found.low < 0.09
    assert found.high > 0.11
    assert found.excludes_zero
    assert verdict(found) == "supported"
    assert verdict(found, margin=0.1) == "undecided"
    assert verdict(found, margin=0.2) == "contradicted"
    back = estimate_difference(network([0.6], noise=0.1, seed=2), network([0.7], noise=0.1))
    assert back.excludes_zero
    assert verdict(back) == "contradicted"
    level = estimate_difference(network([0.6], noise=0.1), network([0.6], noise=0.1, seed=2))
    assert not level.excludes_zero


def test_a_wider_level_is_a_wider_interval():
    first = network([0.6, 0.62], noise=0.1)
    narrow, wide = estimate(first, level=0.8), estimate(first, level=0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_one_photograph_gives_no_interval():
    found = estimate(network([0.5, 0.6], photos=1))
    assert found.value == pytest.approx(0.55)
    assert math.isnan(found.low)
    assert math.isnan(found.fixed_high)
    assert verdict(found) == "undecided"
    assert not found.excludes_zero


def test_equal_photographs_give_an_interval_of_width_zero():
    found = estimate(network([0.6], photos=9))
    assert (found.low, found.high) == pytest.approx((0.6, 0.6))


def test_a_value_outside_its_resamples_stays_in_the_interval():
    draws = np.linspace(0.6, 0.7, 1000)[None]
    found = estimate(ResampledScore(np.array([0.5]), draws, resampling()))
    assert found.low == 0.5
    assert found.high == pytest.approx(0.7, abs=0.005)


def test_an_undefined_score_has_no_interval():
    nothing = resample_score(np.zeros((2, 5, 2, 2)), mean_iou, resampling(5))
    found = estimate(nothing)
    assert math.isnan(found.value)
    assert math.isnan(found.low)
    assert verdict(found) == "undecided"


def test_a_resample_without_any_foreground_is_left_out():
    # The first photograph has no foreground, the second an IoU of 5/10.
    counts = np.array([[[[10, 10], [0, 0]], [[0, 5], [5, 10]]]])
    found = resample_score(counts, mean_iou, resampling(2, 200))
    assert np.isnan(found.resampled).any()
    assert percentile_interval(found.resampled[0]) == (0.5, 0.5)
    assert (estimate(found).low, estimate(found).high) == (0.5, 0.5)


def test_the_percentiles_are_those_of_the_level():
    draws = np.arange(101.0)
    assert percentile_interval(draws) == pytest.approx((2.5, 97.5))
    assert percentile_interval(draws, level=0.5) == pytest.approx((25, 75))
    assert percentile_interval(np.append(draws, np.nan)) == pytest.approx((2.5, 97.5))
    assert all(math.isnan(end) for end in percentile_interval(np.full(3, np.nan)))


def test_counts_of_another_shape_are_rejected():
    with pytest.raises(ValueError, match="expected seeds, images, numbers"):
        resample_score(np.ones((5, 2)), mean_iou, resampling(5))
    with pytest.raises(ValueError, match=r"gives shape \(2, 3\) for 2 seeds"):
        resample_score(np.ones((2, 5, 3)), lambda counts: counts, resampling(5))
