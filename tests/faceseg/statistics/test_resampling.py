"""The bootstrap against scipy's, and its invariants."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import bootstrap

from faceseg.statistics import Resampling, mean_iou, overlap_counts, percentile_interval
from faceseg.statistics.resampling import CHUNK


def matrices(images, classes, seed=0):
    """Return random counts (N, C, C) whose quality differs from image to image."""
    draws = np.random.default_rng(seed)
    errors = draws.integers(0, 30, (images, classes, classes))
    hits = draws.integers(0, 400, (images, classes))
    return errors + hits[:, None] * np.eye(classes, dtype=np.int64)


def names(images):
    return tuple(f"photo {number}" for number in range(images))


def resampled_iou(counts, resamples, photos=None, seed=0):
    resampling = Resampling(photos or names(len(counts)), resamples, seed)
    return resampling.resampled_scores(overlap_counts(counts), mean_iou)


def test_the_interval_equals_scipys_over_photographs():
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
    draws = resampled_iou(counts, 20000, tuple(f"photo {number}" for number in shown))
    # Both ends of 20000 draws are precise to a tenth of a standard error.
    tolerance = 0.1 * theirs.standard_error
    ends = theirs.confidence_interval
    assert percentile_interval(draws) == pytest.approx((ends.low, ends.high), abs=tolerance)
    assert draws.std() == pytest.approx(theirs.standard_error, rel=0.05)


def test_two_photographs_are_drawn_with_the_right_frequencies():
    # Image 1 is all right, image 2 all wrong, both with 10 pixels of the foreground class. Draws of
    # image 1 twice, once and never have the IoUs 1, 10/20 and 0, with odds of 1, 2 and 1.
    counts = np.array([[[0, 0], [0, 10]], [[0, 0], [10, 0]]])
    found, times = np.unique(resampled_iou(counts, 4000), return_counts=True)
    np.testing.assert_allclose(found, [0, 0.5, 1])
    np.testing.assert_allclose(times / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_images_of_one_photograph_are_drawn_together():
    # Images 1 and 3 are all right, 2 and 4 all wrong. If each photograph has a right and a wrong
    # image, all draws are equal; if one has the right and one the wrong images, they differ.
    counts = np.array([[[0, 0], [0, 10]], [[0, 0], [10, 0]]] * 2)
    assert set(resampled_iou(counts, 100, ("a", "a", "b", "b"))) == {0.5}
    assert set(resampled_iou(counts, 100, ("a", "b", "a", "b"))) == {0, 0.5, 1}


def test_every_resample_has_the_number_of_photographs():
    resampling = Resampling(("b", "a", "c", "a"), 1200)
    # A power of 10 counts each photograph: one image of 'a' counts 1, its other image 0.
    sums = resampling.resampled_scores(
        np.array([[10], [1], [100], [0]]), lambda counts: counts[..., 0]
    )
    digits = np.array([[int(digit) for digit in f"{int(each):03}"] for each in sums])
    assert resampling.count == 3
    np.testing.assert_array_equal(digits.sum(axis=1), 3)
    np.testing.assert_allclose(digits.mean(axis=0), 1, atol=0.1)


def test_the_order_of_the_images_changes_nothing():
    counts, photos = matrices(9, 3), ("a", "b", "b", "c", "d", "d", "d", "e", "f")
    order = np.random.default_rng(3).permutation(9)
    again = resampled_iou(counts[order], 200, tuple(photos[index] for index in order))
    np.testing.assert_array_equal(again, resampled_iou(counts, 200, photos))


def test_models_tested_on_the_same_images_have_the_same_resamples():
    # The worse model has every error twice, so it is worse in every single resample.
    good = matrices(12, 3)
    bad = 2 * good
    bad[:, range(3), range(3)] //= 2
    assert np.all(resampled_iou(bad, 300) < resampled_iou(good, 300))
    np.testing.assert_array_equal(resampled_iou(good, 300), resampled_iou(good, 300))
    assert np.any(resampled_iou(good, 300, seed=1) != resampled_iou(good, 300))


def test_the_number_of_resamples_does_not_depend_on_the_chunk():
    for resamples in (1, CHUNK - 1, CHUNK, 2 * CHUNK + 1):
        assert resampled_iou(matrices(3, 3), resamples).shape == (resamples,)
    few, many = (resampled_iou(matrices(5, 3), count) for count in (CHUNK, 3 * CHUNK))
    np.testing.assert_array_equal(many[:CHUNK], few)


def test_stacked_conditions_are_drawn_as_if_alone():
    clean, occluded = overlap_counts(matrices(7, 4)), overlap_counts(matrices(7, 4, seed=5))
    resampling = Resampling(names(7), 50)
    both = resampling.resampled_scores(
        np.stack([clean, occluded], axis=1), partial(mean_iou, classes=[2])
    )
    assert both.shape == (50, 2)
    alone = resampling.resampled_scores(occluded, partial(mean_iou, classes=[2]))
    np.testing.assert_array_equal(both[:, 1], alone)


def test_invalid_arguments_are_rejected():
    with pytest.raises(ValueError, match="0 images and 5 resamples"):
        Resampling((), 5)
    with pytest.raises(ValueError, match="1 images and 0 resamples"):
        Resampling(("a",), 0)
    with pytest.raises(ValueError, match="counts of 3 images for 2 photos"):
        Resampling(("a", "b"), 5).resampled_scores(overlap_counts(matrices(3, 2)), mean_iou)
