"""Fronts of points with several losses, by hand and against Optuna's."""

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial

from faceseg.statistics.fronts import crowding_distances, front_ranks, knee

# Two losses. The first three points are a front; (3, 3) is beaten by (2, 2); (4, 4) by both.
POINTS = np.array([[1, 5], [2, 2], [5, 1], [3, 3], [4, 4]], float)


def test_ranks_by_hand():
    assert front_ranks(POINTS).tolist() == [0, 0, 0, 1, 2]


def test_equal_points_share_a_rank_and_a_tie_in_one_goal_is_beaten():
    assert front_ranks(np.array([[1, 1], [1, 1], [1, 2]], float)).tolist() == [0, 0, 1]


def test_the_front_is_that_of_optuna():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draws = np.random.default_rng(0)
    for goals in (1, 2, 3):
        losses = draws.integers(0, 8, (40, goals)).astype(float)
        study = optuna.create_study(directions=["minimize"] * goals)
        study.add_trials([create_trial(values=row.tolist()) for row in losses])
        front = {trial.number for trial in study.best_trials}
        assert set(np.flatnonzero(front_ranks(losses) == 0)) == front


def test_crowding_by_hand():
    # Ranges 4 and 4. The middle point's neighbours are 4 apart in both goals: 1 + 1.
    assert crowding_distances(POINTS[:3]).tolist() == [np.inf, 2.0, np.inf]
    four = np.array([[0, 10], [1, 9], [4, 4], [10, 0]], float)
    # (4 - 0) / 10 + (10 - 4) / 10, and (10 - 1) / 10 + (9 - 0) / 10.
    np.testing.assert_allclose(crowding_distances(four), [np.inf, 1.0, 1.8, np.inf])


def test_equal_values_of_a_goal_share_their_place():
    assert np.isinf(crowding_distances(np.array([[0, 1], [0, 1], [1, 0]], float))).all()
    assert crowding_distances(np.array([[2, 2], [2, 2]], float)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ([[0, 10], [1, 1], [10, 0]], 1),  # a corner
        ([[0, 10], [1, 9.5], [10, 0]], None),  # above the line between the ends
        ([[0, 10], [10, 0]], None),
        ([[0, 10], [1, 6], [3, 1], [10, 0]], 2),  # 0.6 against 0.3 below the line
    ],
)
def test_the_knee_is_farthest_below_the_line_between_the_ends(
    front: list[list[float]], expected: int | None
):
    assert knee(np.array(front, float)) == expected
