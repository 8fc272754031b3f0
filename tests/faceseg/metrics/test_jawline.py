"""The jawline and its distance, worked by hand on small label maps."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.class_sets import CELEBAMASK19, FACESYNTHETICS
from faceseg.data.classes import LAPA
from faceseg.metrics.jawline import jawline_counts, mean_jawline_distance

SKIN, LEFT_EAR, RIGHT_EAR = 1, 8, 9  # of celebamask19


def face(bottom: int, columns: int = 24) -> NDArray[np.uint8]:
    """Draw skin down to the row `bottom` - 1, between ears of mean columns 2.5 and 20.5."""
    labels = np.zeros((30, columns), dtype=np.uint8)
    labels[5:bottom, 4:20] = SKIN
    labels[8:12, 2:4], labels[8:12, 20:22] = LEFT_EAR, RIGHT_EAR
    return labels


def distance(true: NDArray[np.uint8], pred: NDArray[np.uint8]) -> float:
    return mean_jawline_distance(jawline_counts(true, pred, CELEBAMASK19))


def test_equal_label_maps_have_distance_zero() -> None:
    assert distance(face(20), face(20)) == 0


@pytest.mark.parametrize("rows", [1, -4, 6])
def test_a_chin_that_is_moved_by_whole_rows(rows: int) -> None:
    # Both curves are level lines: each point is `rows` from the other. The face is 18 wide.
    assert distance(face(20), face(20 + rows)) == pytest.approx(100 * abs(rows) / 18)


def test_points_are_joined_and_both_directions_count() -> None:
    # True: a level line of 16 pixels in row 19. Predicted: the same, but in column 10 down to
    # row 22, so that lines from (9, 19) to (10, 22) and on to (11, 19) join the columns.
    true, pred = face(20), face(20)
    pred[20:23, 10] = SKIN
    # Every true pixel is on the predicted curve, except that of column 10: 1 from (9, 19).
    forth = 1 / 16
    # The lines have the pixels (9, 20), (10, 21), (10, 22) and (11, 20) below row 19, which are 1,
    # 2, 3 and 1 from the true line, besides 15 pixels in row 19.
    back = (1 + 2 + 3 + 1) / (15 + 4)
    assert distance(true, pred) == pytest.approx(100 * (forth + back) / 2 / 18)


def test_a_single_column_is_a_curve_of_one_point() -> None:
    # The prediction has skin in column 10 only. The true line has the columns 4 to 19.
    pred = np.zeros_like(face(20))
    pred[5:20, 10] = SKIN
    forth = sum(abs(column - 10) for column in range(4, 20)) / 16
    assert distance(face(20), pred) == pytest.approx(100 * (forth + 0) / 2 / 18)


def test_columns_apart_from_one_another_are_points() -> None:
    # Every second column: each point is on the full line, whose other pixels are 1 from a point.
    comb = face(20)
    comb[5:20, 5:20:2] = 0
    assert distance(comb, comb) == 0
    assert distance(face(20), comb) == pytest.approx(100 * (8 / 16 + 0) / 2 / 18)


def test_the_beard_belongs_to_the_jaw() -> None:
    true = np.zeros((30, 24), dtype=np.uint8)
    true[5:20, 4:20] = 1
    true[8:12, 2:4], true[8:12, 20:22] = 8, 7
    bearded = true.copy()
    bearded[15:20, 4:20] = FACESYNTHETICS.beard
    counts = jawline_counts(true, bearded, FACESYNTHETICS)
    assert mean_jawline_distance(counts) == 0


def test_a_face_without_both_ears_has_no_jawline() -> None:
    profile = face(20)
    profile[profile == LEFT_EAR] = SKIN
    assert jawline_counts(profile, face(20), CELEBAMASK19).tolist() == [0, 0]
    assert math.isnan(distance(profile, face(20)))


def test_predicted_ears_have_no_effect() -> None:
    without = face(21)
    without[np.isin(without, (LEFT_EAR, RIGHT_EAR))] = 0
    assert distance(face(20), without) == distance(face(20), face(21))


def test_a_prediction_without_skin_is_a_face_width_away() -> None:
    assert distance(face(20), np.zeros((30, 24), dtype=np.uint8)) == 100


def test_columns_with_an_unknown_jaw_are_left_out() -> None:
    true, pred = face(20), face(20)
    true[20:24, 4:8] = 255  # below the skin of columns 4 to 7, where the prediction goes further
    pred[20:23, 4:8] = SKIN
    assert distance(true, pred) == 0
    true[20:24, 4:8] = 0
    assert distance(true, pred) > 0


def test_a_face_that_the_image_cuts_off_has_no_jawline() -> None:
    assert jawline_counts(face(30), face(25), CELEBAMASK19).tolist() == [0, 0]


def test_the_mean_is_over_images_that_have_a_jawline() -> None:
    profile = np.zeros((30, 24), dtype=np.uint8)
    counts = [jawline_counts(face(20), face(20 + rows), CELEBAMASK19) for rows in (0, 2)] + [
        jawline_counts(profile, face(20), CELEBAMASK19)
    ]
    assert mean_jawline_distance(np.sum(counts, axis=0)) == pytest.approx(100 / 18)


def test_a_class_set_without_ears_is_refused() -> None:
    with pytest.raises(ValueError, match="no ears"):
        jawline_counts(face(20), face(20), LAPA)
