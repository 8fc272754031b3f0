"""Expected calibration error, worked by hand."""

import math

import numpy as np
import pytest

from faceseg.metrics.calibration import calibration_counts, expected_calibration_error

# Five pixels, two classes, four bins (upper edges .25 .5 .75 1).
PROBABILITIES = np.array([[0.4, 0.6], [0.3, 0.7], [0.9, 0.1], [0.0, 1.0], [0.2, 0.8]])
TRUE = np.array([1, 0, 0, 1, 255])


def test_counts_and_error_match_the_hand_count() -> None:
    everywhere, foreground = calibration_counts(PROBABILITIES, TRUE, bins=4)
    # Bin 3 contains .6 (right) and .7 (wrong), bin 4 contains .9 and 1 (both right).
    np.testing.assert_allclose(everywhere, [[0.0, 0, 0], [0.0, 0, 0], [2, 1, 1.3], [2, 2, 1.9]])
    np.testing.assert_allclose(foreground, [[0.0, 0, 0], [0.0, 0, 0], [1, 1, 0.6], [1, 1, 1.0]])
    assert expected_calibration_error(everywhere) == pytest.approx((0.3 + 0.1) / 4)
    assert expected_calibration_error(foreground) == pytest.approx((0.4 + 0.0) / 2)


def test_streamed_batches_give_the_counts_of_one_pass() -> None:
    draws = np.random.default_rng(2)
    probabilities = draws.dirichlet(np.ones(5), (6, 4, 4))
    true = draws.integers(0, 5, (6, 4, 4))
    streamed = sum(
        calibration_counts(probabilities[part], true[part])
        for part in (slice(0, 1), slice(1, 4), slice(4, 6))
    )
    np.testing.assert_allclose(streamed, calibration_counts(probabilities, true), rtol=1e-12)


def test_a_certain_and_correct_prediction_has_no_error_and_no_pixels_give_nan() -> None:
    true = np.array([[0, 1], [2, 1]])
    counts = calibration_counts(np.eye(3, dtype=np.float16)[true], true)
    assert expected_calibration_error(counts[0]) == 0
    nothing = calibration_counts(np.eye(3)[true], np.full((2, 2), 255))
    assert math.isnan(expected_calibration_error(nothing[0]))


@pytest.mark.parametrize("scale", [3.0, -1.0, math.nan])
def test_logits_are_rejected(scale: float) -> None:
    with pytest.raises(ValueError, match="not logits"):
        calibration_counts(PROBABILITIES * scale, TRUE)


def test_different_shapes_are_rejected() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        calibration_counts(PROBABILITIES, TRUE[:4])
