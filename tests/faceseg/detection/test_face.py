"""The roll of a face's keypoints, and the choice among overlapping faces."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceseg.detection.face import MAX_FACES, Face, distinct_faces, face_from_keypoints, turned_back

BOX = (0.0, 0.0, 10.0, 10.0)
UPRIGHT = np.array([[-2.0, -1], [2, -1], [0, 0.5], [0, 2]])  # eyes, nose, mouth


@given(degrees=st.floats(-179, 179))
def test_the_roll_is_the_angle_by_which_the_keypoints_were_turned(degrees: float):
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert face_from_keypoints(BOX, 1.0, UPRIGHT @ turn.T).roll == pytest.approx(degrees)


def test_a_profile_with_the_eyes_at_one_place_is_upright():
    profile = UPRIGHT * (0, 1)
    assert face_from_keypoints(BOX, 1.0, profile).roll == pytest.approx(0)


@pytest.mark.parametrize("turns", range(4))
def test_points_of_a_turned_image_are_turned_back(turns: int):
    image = np.zeros((3, 5))
    image[1, 4] = 1
    row, column = np.argwhere(np.rot90(image, turns) == 1)[0]
    place = turned_back(np.array([column + 0.5, row + 0.5]), turns, 3, 5)
    np.testing.assert_array_equal(place, [4.5, 1.5])


def face(x: float, score: float) -> Face:
    return Face(box=(x, 0.0, 10.0, 10.0), roll=0.0, score=score, keypoints=((x, 0.0),) * 4)


def test_of_overlapping_faces_the_surest_is_kept():
    # Boxes of 10 pixels shifted by 3 overlap with an IoU of 70 / 130, by 8 with 20 / 180.
    faces = [face(0, 0.7), face(3, 0.9), face(8, 0.8)]
    assert [each.score for each in distinct_faces(faces, 100, 100)] == [0.9]
    faces = [face(0, 0.7), face(8, 0.8)]
    assert [each.score for each in distinct_faces(faces, 100, 100)] == [0.8, 0.7]


def test_faces_outside_the_image_and_beyond_the_limit_are_left_out():
    assert distinct_faces([], 100, 100) == []
    assert distinct_faces([face(96, 0.9)], 100, 100) == []
    many = [face(20 * place, 0.5 + place / 100) for place in range(MAX_FACES + 5)]
    kept = distinct_faces(many, 100, 2000)
    assert len(kept) == MAX_FACES
    assert kept[0].score == max(each.score for each in many)
