"""The bootstrap against scipy's, and against what must hold for any."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import bootstrap

from faceseg.metrics import class_iou, mean_of_defined
from faceseg.statistics import CHUNK, bootstrap_mean_iou, interval


def matrices(images: int, classes: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw (N, C, C) counts whose quality differs from image to image."""
    draws = np.random.default_rng(seed)
    errors = draws.integers(0, 30, (images, classes, classes))
    hits = draws.integers(0, 400, (images, classes))
    return errors + hits[:, None] * np.eye(classes, dtype=np.int64)


def test_the_interval_is_scipys() -> None:
    counts = matrices(40, 2)
    hits = counts[:, 1, 1]
    unions = counts[:, 1, :].sum(axis=1) + counts[:, :, 1].sum(axis=1) - hits

    def iou(hits: NDArray[np.int64], unions: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
        return hits.sum(axis=axis) / unions.sum(axis=axis)

    theirs = bootstrap(
        (hits, unions), iou, paired=True, vectorized=True, method="percentile",
        n_resamples=20000, rng=np.random.default_rng(1),
    )  # fmt: skip
    draws = bootstrap_mean_iou(counts, resamples=20000)
    # Both ends of 20000 draws are known to a tenth of a standard error.
    tolerance = 0.1 * theirs.standard_error
    ends = theirs.confidence_interval
    assert interval(draws) == pytest.approx((ends.low, ends.high), abs=tolerance)
    assert draws.std() == pytest.approx(theirs.standard_error, rel=0.05)


def test_images_that_are_all_alike_leave_no_doubt() -> None:
    counts = np.repeat(matrices(1, 4), 9, axis=0)
    exact = float(mean_of_defined(class_iou(counts[0])[1:]))
    assert interval(bootstrap_mean_iou(counts, 50)) == pytest.approx((exact, exact))


def test_two_images_are_drawn_as_often_as_they_should_be() -> None:
    # Image 1 is all right, image 2 all wrong, both of 10 pixels of the one foreground class:
    # draws of 2, 1 or 0 of the first have the IoU 1, 10/20 and 0, at odds of 1, 2 and 1.
    counts = np.array([[[0, 0], [0, 10]], [[0, 0], [10, 0]]])
    found, times = np.unique(bootstrap_mean_iou(counts, 4000), return_counts=True)
    np.testing.assert_allclose(found, [0, 0.5, 1])
    np.testing.assert_allclose(times / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_models_tested_on_the_same_images_are_resampled_alike() -> None:
    # The worse model has every error twice: in every single resample it is the worse one.
    good = matrices(12, 3)
    bad = 2 * good
    bad[:, range(3), range(3)] //= 2
    assert np.all(bootstrap_mean_iou(bad, 300) < bootstrap_mean_iou(good, 300))
    np.testing.assert_array_equal(bootstrap_mean_iou(good, 300), bootstrap_mean_iou(good, 300))
    assert np.any(bootstrap_mean_iou(good, 300, seed=1) != bootstrap_mean_iou(good, 300))


def test_there_are_as_many_draws_as_asked_for_whatever_the_chunk() -> None:
    for resamples in (1, CHUNK - 1, CHUNK, 2 * CHUNK + 1):
        assert bootstrap_mean_iou(matrices(3, 3), resamples).shape == (resamples,)
    few, many = (bootstrap_mean_iou(matrices(5, 3), count) for count in (CHUNK, 3 * CHUNK))
    np.testing.assert_array_equal(many[:CHUNK], few)


def test_a_resample_without_any_foreground_is_left_out() -> None:
    counts = np.array([[[10, 0], [0, 0]], [[0, 0], [5, 5]]])  # the first image has no class 1
    draws = bootstrap_mean_iou(counts, 200)
    assert np.isnan(draws).any()
    assert interval(draws) == (0.5, 0.5)


def test_the_interval_is_of_the_level_asked_for() -> None:
    draws = np.arange(101.0)
    assert interval(draws) == pytest.approx((2.5, 97.5))
    assert interval(draws, level=0.5) == pytest.approx((25, 75))
