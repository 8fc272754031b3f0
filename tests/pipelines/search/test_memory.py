"""What earlier trials predict, worked by hand, and when their settings are tried."""

from typing import Any

import numpy as np
import pytest

from pipelines.config.search_space import SearchSpace
from pipelines.search.memory import (
    FAR,
    MAX_PROPOSED,
    PRIOR,
    RUNGS,
    EarlierStudy,
    SearchMemory,
    Trial,
    points,
    score_table,
    scores_at_rungs,
    settings_at,
)

SPACE = SearchSpace()  # learning rate 1e-4 to 1e-2, by its logarithm; batch size 8, 16 or 32
SIZES = (8, 16, 32)


def trial(rate: float, *scores: float, size: int = 16) -> Trial:
    return Trial({"learning_rate": rate, "batch_size": size}, scores)


def whole(rate: float, score: float, size: int = 16) -> Trial:
    """Return a complete trial with the same score at every rung."""
    return trial(rate, *[score] * RUNGS, size=size)


# Scores 0.1 and 0.3: the mean is 0.2 and the deviation 0.1, so they are -1 and 1. They are a whole
# axis apart, where the kernel is 0: a prediction at one of them is its score / (1 + FAR).
LOW, HIGH = 1e-4, 1e-2
EARLIER = (whole(LOW, 0.1), whole(HIGH, 0.3))
NEAR = 1 / (1 + FAR)


def memory(*trials: Trial, **others: tuple[Trial, ...]) -> SearchMemory:
    studies = {"first": trials, **others}
    return SearchMemory([EarlierStudy(name, studies[name], SPACE) for name in studies], SPACE)


def agreement(*new: Trial) -> float:
    study = EarlierStudy("earlier", EARLIER, SPACE)
    return study.agreement(points(new, SPACE), score_table(new))


def test_a_score_is_the_best_up_to_each_rung():
    # Of 8 epochs the rungs end at 1, 1, 1, 2, 4 and 8.
    assert scores_at_rungs({1: 0.1, 2: 0.3, 3: 0.2, 4: 0.4}, 8) == (0.1, 0.1, 0.1, 0.3, 0.4)
    assert scores_at_rungs({}, 8) == ()


def test_settings_are_points_on_axes_from_0_to_1():
    found = points([trial(1e-3, size=8), trial(1e-2, size=32)], SPACE)
    np.testing.assert_allclose(found, [[0.5, 0], [1, 1]])


def test_a_prediction_is_the_score_of_near_trials_and_0_far_from_all():
    study = EarlierStudy("earlier", EARLIER, SPACE)
    wanted = points([trial(LOW), trial(HIGH), trial(1e-3)], SPACE)
    np.testing.assert_allclose(study.predicted(wanted, 0), [-NEAR, NEAR, 0], atol=1e-6)


def test_a_rung_is_predicted_from_the_trials_that_have_reached_it():
    study = EarlierStudy("earlier", [*EARLIER, trial(1e-3, 0.9)], SPACE)
    wanted = points([trial(1e-3)], SPACE)
    assert study.predicted(wanted, 0)[0] > 1
    assert study.predicted(wanted, 1)[0] == pytest.approx(0, abs=1e-6)


def test_without_a_pair_an_earlier_study_is_trusted():
    assert agreement() == agreement(trial(LOW, 0.5)) == agreement(trial(LOW), trial(HIGH)) == 1


@pytest.mark.parametrize(("low", "high", "sign"), [(0.2, 0.6, 1), (0.6, 0.2, -1), (0.2, 0.2, 0)])
def test_agreement_is_the_share_of_pairs_in_the_predicted_order(low: float, high: float, sign: int):
    weight = 2 * NEAR  # of the only pair: the predicted difference
    expected = (PRIOR + sign * weight) / (PRIOR + abs(sign) * weight)
    assert agreement(trial(LOW, low), trial(HIGH, high)) == pytest.approx(expected)


def test_a_pair_is_compared_where_both_have_a_score():
    # The first has 0.9 in the end, and 0.2 where the second has 0.3: the order is as predicted.
    assert agreement(trial(LOW, 0.2, 0.9), trial(HIGH, 0.3)) == pytest.approx(1)


def test_each_study_has_its_own_weight():
    reversed_scores = (whole(LOW, 0.3), whole(HIGH, 0.1))
    weights = memory(*EARLIER, other=reversed_scores).weights([trial(LOW, 0.2), trial(HIGH, 0.6)])
    assert weights == {"first": pytest.approx(1), "other": 0}


def test_the_sampler_begins_and_the_best_earlier_settings_follow():
    known = memory(*EARLIER)
    assert known.next_point([], 0, SIZES) is None
    first = trial(1e-3)
    assert known.next_point([first], 0, SIZES) == EARLIER[1].parameters
    assert known.next_point([first, EARLIER[1]], 1, SIZES) is None  # the sampler's turn


def test_the_number_of_trials_with_earlier_settings_is_limited():
    tried = [trial(1e-3)] * 99
    assert memory(*EARLIER).next_point(tried, MAX_PROPOSED - 1, SIZES) is not None
    assert memory(*EARLIER).next_point(tried, MAX_PROPOSED, SIZES) is None


def propose(known: SearchMemory, *tried: Trial, sizes: Any = SIZES) -> float | None:
    weights = {each.name: 1.0 for each in known.studies}
    point = known.propose(tried, weights, sizes)
    return None if point is None else point["learning_rate"]


def test_only_settings_of_complete_trials_are_proposed():
    assert propose(memory(*EARLIER, trial(2e-3, 0.9))) == HIGH
    assert propose(memory(trial(2e-3, 0.9))) is None


def test_settings_near_the_best_follow_and_none_is_tried_twice():
    known, tried = memory(*EARLIER), [trial(HIGH)]
    while (rate := propose(known, *tried)) is not None:
        # The axis has two decades: SAME of it is a factor of 1.15.
        assert all(abs(np.log10(rate / each.parameters["learning_rate"])) > 0.06 for each in tried)
        assert HIGH / 5 < rate < HIGH  # and never near LOW, which was worse than the mean
        assert propose(known, *tried) == rate
        tried.append(trial(rate))
    assert len(tried) > 2


def test_new_trials_predict_too():
    # The best earlier settings were the worst of the new trials: others with a high score follow.
    known = memory(whole(LOW, 0.1), whole(1e-3, 0.19), whole(HIGH, 0.2))
    assert propose(known) == HIGH
    rate = propose(known, whole(HIGH, 0.3), whole(HIGH, 0.3, size=8), whole(LOW, 0.9))
    assert rate is not None
    assert rate < HIGH / 2


def test_a_point_has_its_settings():
    space = SearchSpace.model_validate({"dice_weight": {"low": 0.5, "high": 2.5}})
    given = {"learning_rate": 1e-3, "batch_size": 32, "dice_weight": 1.0}
    (point,) = points([Trial(given, ())], space)
    np.testing.assert_allclose(point, [0.5, 1, 0.25])
    assert settings_at(point, space) == pytest.approx(given)


def test_a_batch_size_that_is_too_large_is_not_proposed():
    known = memory(*EARLIER, whole(5e-4, 0.29, size=8))
    point = known.propose([], {"first": 1.0}, (8,))
    assert point is not None
    assert point["batch_size"] == 8


def test_earlier_settings_are_no_longer_tried_when_their_order_was_wrong():
    wrong = [trial(LOW, 0.6), trial(HIGH, 0.2), trial(1e-3), trial(2e-3)]
    assert memory(*EARLIER).next_point(wrong, 1, SIZES) is None


def test_a_study_of_equal_scores_predicts_nothing():
    known = memory(whole(LOW, 0.2), whole(HIGH, 0.2))
    assert known.weights([trial(LOW, 0.6), trial(HIGH, 0.2)]) == {"first": 1}
