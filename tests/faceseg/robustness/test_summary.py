"""Summaries, worked by hand; a predictor that ignores its input cannot have the best ones."""

import math

import numpy as np
import pytest

from faceseg.data.classes import LAPA
from faceseg.metrics.confusion_matrix import confusion, scores
from faceseg.robustness.summary import (
    consistency,
    corruption_errors,
    curve_area,
    mean_errors,
    occluder_rates,
    retention,
    summarise,
)

SEVERITIES = (0.05, 0.10, 0.20, 0.35, 0.50)


def level(value: float) -> dict[float, float]:
    return dict.fromkeys(SEVERITIES, value)


def test_areas_match_the_hand_count() -> None:
    # Linear from 0.8 to 0.4 at severity 0.5: mean 0.6, retention 0.75.
    falling = {severity: 0.8 * (1 - severity) for severity in SEVERITIES}
    found = summarise({"blob": falling, "hand": level(0.8)}, clean=0.8)
    assert found.iou == pytest.approx({"blob": 0.6, "hand": 0.8})
    assert found.retention == pytest.approx({"blob": 0.75, "hand": 1.0})
    assert found.mean_retention == pytest.approx(0.875)
    assert found.mean_iou == pytest.approx(0.7)
    assert found.worst_kind == "blob"


def test_an_area_ends_at_one_half_or_at_the_last_severity() -> None:
    assert curve_area({0.2: 0.5}, start=1.0) == pytest.approx(0.75)
    # At 0.5 the line from (0.4, 1) to (0.6, 0) is at 0.5: (0.4 + 0.1 * 0.75) / 0.5.
    assert curve_area({0.4: 1.0, 0.6: 0.0}, start=1.0) == pytest.approx(0.95)


@pytest.mark.parametrize("curve", [{}, {0.0: 1.0}, {1.0: 0.5, 2.0: 0.4}])
def test_severities_that_are_no_shares_of_the_face_are_refused(curve: dict[float, float]) -> None:
    with pytest.raises(ValueError, match="shares of the face"):
        curve_area(curve, start=1.0)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind was scored"):
        summarise({}, clean=0.5)


def test_the_retention_of_constant_background_is_nan() -> None:
    true = np.array([[0, 0, 1, 1, 10, 4]])
    clean = scores(confusion(true, np.zeros_like(true), 11), LAPA)["iou"]
    assert clean == 0
    found = summarise({"blob": level(0.0), "hand": level(0.0)}, clean)
    assert math.isnan(found.mean_retention)
    assert found.worst_kind is None
    assert found.mean_iou == 0


def test_a_mean_map_has_full_retention_but_a_lower_iou() -> None:
    mean_map = summarise({"blob": level(0.25)}, clean=0.25)
    network = summarise({"blob": level(0.6)}, clean=0.8)
    assert mean_map.mean_retention > network.mean_retention
    assert mean_map.mean_iou < network.mean_iou


def test_retention_of_an_undefined_score_is_undefined() -> None:
    assert math.isnan(retention({0.1: 0.5}, math.nan)[0.1])
    assert math.isnan(summarise({"blob": {0.1: math.nan}}, clean=0.5).mean_iou)


def test_covered_pixels_are_rejected_or_hallucinated() -> None:
    pred = np.array([0, 0, 0, 1, 4, 10, 10, 10])
    counts = confusion(np.ones(8, int), pred, 11)
    assert occluder_rates(counts, LAPA) == (3 / 8, 2 / 8)
    assert occluder_rates(counts, LAPA, label=10) == (3 / 8, 2 / 8)
    assert all(math.isnan(rate) for rate in occluder_rates(0 * counts, LAPA))


def test_severities_have_equal_weights_without_by_share() -> None:
    found = summarise({"roll": {15.0: 0.6, 90.0: 0.2}}, clean=0.8, by_share=False)
    assert found.iou == pytest.approx({"roll": 0.4})
    assert found.retention == pytest.approx({"roll": 0.5})


def test_figures_are_nan_unless_the_model_is_better_than_blind() -> None:
    steps = {"grey": {1.0: 0.25}}
    assert summarise(steps, 0.25, by_share=False, blind=0.2).mean_retention == 1
    assert math.isnan(summarise(steps, 0.25, by_share=False, blind=0.25).mean_retention)
    assert consistency({"flip": {1.0: 0.9}}, clean=0.3, blind=0.2) == {"flip": 0.9}
    assert math.isnan(consistency({"flip": {1.0: 0.9}}, clean=0.2, blind=0.2)["flip"])


def test_consistency_uses_flip_and_shift_only() -> None:
    agreement = {"shift": {0.01: 0.9, 0.08: 0.7}, "roll": {15.0: 0.1}}
    assert consistency(agreement, clean=0.8) == pytest.approx({"shift": 0.8})


def test_corruption_errors_match_the_hand_count() -> None:
    # Errors 0.2 and 0.4 have the mean 0.3, with 0.6 as the reference; 0.5 with 0.25.
    errors = mean_errors({"jpeg": {1.0: 0.8, 2.0: 0.6}, "grey": {1.0: 0.5}})
    assert errors == pytest.approx({"jpeg": 0.3, "grey": 0.5})
    found = corruption_errors(errors, {"jpeg": 0.6, "grey": 0.25, "contrast": 0.9})
    assert found == pytest.approx({"jpeg": 0.5, "grey": 2.0})
    assert corruption_errors(errors, errors) == pytest.approx({"jpeg": 1, "grey": 1})
    assert math.isnan(corruption_errors({"jpeg": 0.3}, {"jpeg": 0.0})["jpeg"])


def test_a_kind_that_the_reference_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="no error for grey; it has jpeg"):
        corruption_errors({"jpeg": 0.3, "grey": 0.2}, {"jpeg": 0.3})


def test_a_kind_without_severities_is_refused() -> None:
    with pytest.raises(ValueError, match="at no severity"):
        mean_errors({"jpeg": {}})
