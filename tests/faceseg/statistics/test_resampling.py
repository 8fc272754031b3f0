"""The bootstrap against scipy's, and against what must hold for any."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import bootstrap

from faceseg.statistics import Resampling, mean_iou, overlap_counts, percentile_interval
from faceseg.statistics.resampling import CHUNK


def matrices(images, classes, seed=0):
    """Draw (N, C, C) counts whose quality differs from image to image."""
    draws = np.random.default_rng(seed)
    errors = draws.integers(0, 30, (images, classes, classes))
    hits = draws.integers(0, 400, (images, classes))
    return errors + hits[:, None] * np.eye(classes, dtype=np.int64)


def names(images):
    return tuple(f"photo {number}" for number in range(images))


def draws_of(counts, resamples, photos=None, seed=0):
    resampling = Resampling(photos or names(len(counts)), resamples, seed)
    return resampling.resampled_scores(overlap_counts(counts), mean_iou)


def test_the_interval_is_scipys_over_photographs():
    # 40 photographs of 1 to 3 images. scipy draws photographs, so it gets their sums.
    counts = matrices(80, 2)
    shown = np.sort(np.concatenate([np.arange(40), np.random.default_rng(2).integers(0, 40, 40)]))
    hits, unions = np.zeros(40), np.zeros(40)
    np.add.at(hits, shown, overlap_counts(counts)[:, 1, 0])
    np.add.at(unions, shown, overlap_counts(counts)[:, 1, 1])

    def iou(hits, unions, axis):
        return hits.sum(axis=axis) / unions.sum(axis=axis)

    theirs = bootstrap(
        (hits, unions), iou, paired=True, vectorized=True, method="percentile",
        n_resamples=20000, rng=np.random.default_rng(1),
    )  # fmt: skip
    draws = draws_of(counts, 20000, tuple(f"photo {number}" for number in shown))
    # Both ends of 20000 draws are known to a tenth of a standard error.
    tolerance = 0.1 * theirs.standard_error
    ends = theirs.confidence_interval
    assert percentile_interval(draws) == pytest.approx((ends.low, ends.high), abs=tolerance)
    assert draws.std() == pytest.approx(theirs.standard_error, rel=0.05)


def test_two_photographs_are_drawn_as_often_as_they_should_be():
    # Image 1 is all right, image 2 all wrong, both of 10 pixels of the one foreground class:
    # draws of 2, 1 or 0 of the first have the IoU 1, 10/20 and 0, at odds of 1, 2 and 1.
    counts = np.array([[[0, 0], [0, 10]], [[0, 0], [10, 0]]])
    found, times = np.unique(draws_of(counts, 4000), return_counts=True)
    np.testing.assert_allclose(found, [0, 0.5, 1])
    np.testing.assert_allclose(times / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_images_of_one_photograph_are_drawn_together():
    # All right, all wrong, all right, all wrong: as two photographs of one right and one wrong
    # image each there is no doubt; as right ones and wrong ones there is all of it.
    counts = np.array([[[0, 0], [0, 10]], [[0, 0], [10, 0]]] * 2)
    assert set(draws_of(counts, 100, ("a", "a", "b", "b"))) == {0.5}
    assert set(draws_of(counts, 100, ("a", "b", "a", "b"))) == {0, 0.5, 1}


def test_every_resample_has_as_many_photographs_as_there_are():
    resampling = Resampling(("b", "a", "c", "a"), 1200)
    # Tally each photograph by a power of 10: one image of 'a' says 1, the other nothing.
    sums = resampling.resampled_scores(
        np.array([[10], [1], [100], [0]]), lambda tallies: tallies[..., 0]
    )
    digits = np.array([[int(digit) for digit in f"{int(each):03}"] for each in sums])
    assert resampling.count == 3
    np.testing.assert_array_equal(digits.sum(axis=1), 3)
    np.testing.assert_allclose(digits.mean(axis=0), 1, atol=0.1)


def test_the_order_of_the_images_changes_nothing():
    counts, photos = matrices(9, 3), ("a", "b", "b", "c", "d", "d", "d", "e", "f")
    order = np.random.default_rng(3).permutation(9)
    again = draws_of(counts[order], 200, tuple(photos[place] for place in order))
    np.testing.assert_array_equal(again, draws_of(counts, 200, photos))


def test_models_tested_on_the_same_images_are_resampled_alike():
    # The worse model has every error twice: in every single resample it is the worse one.
    good = matrices(12, 3)
    bad = 2 * good
    bad[:, range(3), range(3)] //= 2
    assert np.all(draws_of(bad, 300) < draws_of(good, 300))
    np.testing.assert_array_equal(draws_of(good, 300), draws_of(good, 300))
    assert np.any(draws_of(good, 300, seed=1) != draws_of(good, 300))


def test_there_are_as_many_draws_as_asked_for_whatever_the_chunk():
    for resamples in (1, CHUNK - 1, CHUNK, 2 * CHUNK + 1):
        assert draws_of(matrices(3, 3), resamples).shape == (resamples,)
    few, many = (draws_of(matrices(5, 3), count) for count in (CHUNK, 3 * CHUNK))
    np.testing.assert_array_equal(many[:CHUNK], few)


def test_conditions_stacked_are_drawn_as_if_alone():
    clean, occluded = overlap_counts(matrices(7, 4)), overlap_counts(matrices(7, 4, seed=5))
    resampling = Resampling(names(7), 50)
    both = resampling.resampled_scores(
        np.stack([clean, occluded], axis=1), partial(mean_iou, classes=[2])
    )
    assert both.shape == (50, 2)
    alone = resampling.resampled_scores(occluded, partial(mean_iou, classes=[2]))
    np.testing.assert_array_equal(both[:, 1], alone)


def test_what_cannot_be_resampled_is_refused():
    with pytest.raises(ValueError, match="0 images and 5 resamples"):
        Resampling((), 5)
    with pytest.raises(ValueError, match="1 images and 0 resamples"):
        Resampling(("a",), 0)
    with pytest.raises(ValueError, match="tallies of 3 images for 2 photos"):
        Resampling(("a", "b"), 5).resampled_scores(overlap_counts(matrices(3, 2)), mean_iou)
