"""Agreement of two label maps of 4 x 8 pixels and three classes, worked by hand."""

import numpy as np
import pytest

from pipelines.export.verification import disagreements, measure_agreement
from pipelines.models.formats import AGREEMENT_BOUNDS, FLOAT32, AgreementBound


def logits(labels: np.ndarray) -> np.ndarray:
    """Return logits (N, h, w, 3): 10 for the label, 0 for the others."""
    return (10 * np.eye(3)[labels]).astype(np.float32)


HALVES = np.repeat([[0, 1]], 4, axis=1).repeat(4, axis=0)[None]  # 16 pixels of 0, 16 of 1
MOVED = HALVES.copy()
MOVED[0, :, 4] = 0  # the border one column to the right: 4 pixels of 1 become 0


def test_figures_match_the_hand_count():
    found = measure_agreement(logits(HALVES), logits(MOVED))
    assert found.pixels == 28 / 32
    assert found.iou == pytest.approx((16 / 20 + 12 / 16) / 2)
    assert found.largest == 10
    # 4 pixels of 32 differ by 10 in 2 logits of 3; the 0s and 10s of Keras vary by sqrt(200/9).
    assert found.error == pytest.approx(np.sqrt(100 * 8 / 96) / np.sqrt(200 / 9))


def test_a_class_of_few_pixels_is_not_in_the_mean():
    wide = HALVES.repeat(2, axis=1)  # 32 pixels a class
    speck = wide.copy()
    speck[0, 0, 0] = 2
    assert measure_agreement(logits(speck), logits(wide)).iou == pytest.approx((31 / 32 + 1) / 2)


def test_wrong_logits_are_detected_when_all_labels_are_background():
    nothing = np.zeros((1, 4, 8, 3), np.float32)
    nothing[..., 0] = 9 + np.arange(8)
    agreement = measure_agreement(nothing, nothing * 2)
    assert agreement.pixels == agreement.iou == 1
    assert [text.split()[1] for text in disagreements(agreement, AGREEMENT_BOUNDS[FLOAT32])] == [
        "logits"
    ]


def test_nan_logits_are_refused():
    broken = measure_agreement(logits(HALVES), np.full((1, 4, 8, 3), np.nan, np.float32))
    assert len(disagreements(broken, AgreementBound(pixels=0, iou=0, error=1e9))) == 1


def test_a_value_equal_to_the_bound_passes():
    exact = measure_agreement(logits(HALVES), logits(MOVED))
    assert (
        disagreements(exact, AgreementBound(pixels=exact.pixels, iou=exact.iou, error=exact.error))
        == []
    )
    above = AgreementBound(
        pixels=exact.pixels + 1e-9, iou=exact.iou + 1e-9, error=exact.error - 1e-9
    )
    assert len(disagreements(exact, above)) == 3


def test_a_different_shape_is_an_error():
    with pytest.raises(ValueError, match="Keras gives"):
        measure_agreement(logits(HALVES), logits(HALVES)[:, :2])
