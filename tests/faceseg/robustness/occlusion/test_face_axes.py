"""Glasses cover the eyes and masks the jaw, whatever the roll of the head."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import LAPA
from faceseg.robustness.occlusion import occlude
from faceseg.robustness.occlusion.face_axes import FaceAxes, face_axes_of
from faceseg.robustness.occlusion.occluder import OccluderInput
from faceseg.robustness.seeds import generator_for

Labels = NDArray[np.uint8]
Faces = Callable[..., Labels]

EYES, MOUTH = (4, 5), (7, 8, 9)


def covered(labels: Labels, kind: str, step: int) -> NDArray[np.bool_]:
    blank = np.zeros((*labels.shape, 3), np.uint8)
    return occlude(blank, labels, "a", kind, step, LAPA).mask


def axes_of(labels: Labels) -> FaceAxes:
    blank = np.zeros((*labels.shape, 3), np.uint8)
    return face_axes_of(
        OccluderInput(
            image=blank,
            labels=labels,
            classes=LAPA,
            generator=generator_for("occ-v1", "blob", "a"),
        )
    )


@pytest.mark.parametrize("tilt", [False, True])
def test_glasses_cover_the_eyes_and_not_the_mouth(tilt: bool, face: Faces) -> None:
    labels = face(tilt=tilt)
    for step in (1, 2, 3):
        mask = covered(labels, "eye_band", step)
        assert mask[np.isin(labels, EYES)].all()
        assert not mask[np.isin(labels, MOUTH)].any()


@pytest.mark.parametrize("tilt", [False, True])
def test_the_steps_of_a_mask_rise_from_the_chin_to_the_bridge_below_the_eyes(
    tilt: bool, face: Faces
) -> None:
    labels = face(tilt=tilt)
    nose = [covered(labels, "lower_face", step)[labels == 6].mean() for step in (1, 2, 3)]
    assert nose[0] == 0 < nose[1] < nose[2]
    worn = covered(labels, "lower_face", 3)
    assert worn[np.isin(labels, MOUTH)].all()
    assert not worn[np.isin(labels, EYES)].any()
    left, right = (int(worn[:, column].argmax()) for column in (54, 74))  # its upper edge
    assert right - left == pytest.approx(4 if tilt else 0, abs=2)


def test_the_axes_follow_the_eyes(face: Faces) -> None:
    # Eyes have 3x1 units of 4 pixels; their middles are 14 pixels left and right of 63.5.
    level = axes_of(face())
    np.testing.assert_allclose(level.left, [49.5, 53.5])
    np.testing.assert_allclose(level.right, [77.5, 53.5])
    np.testing.assert_allclose(level.down, [0, 1])
    assert level.distance == 28
    tilted = axes_of(face(tilt=True))
    assert tilted.along[1] / tilted.along[0] == pytest.approx(1 / 5, abs=0.02)


def test_a_hidden_eye_is_assumed_level_towards_the_middle(face: Faces) -> None:
    labels = face()
    labels[labels == 4] = 1
    one = axes_of(labels)
    np.testing.assert_allclose(one.right, [77.5, 53.5])
    assert one.left[1] == one.right[1]
    assert one.left[0] == pytest.approx(49.5, abs=5)


def test_without_eyes_their_usual_positions_are_assumed(face: Faces) -> None:
    labels = face()
    labels[np.isin(labels, EYES)] = 1
    none = axes_of(labels)
    np.testing.assert_allclose(none.left, [49.5, 53.5], atol=8)
    np.testing.assert_allclose(none.right, [77.5, 53.5], atol=8)
    assert covered(labels, "eye_band", 2).any()


def test_strands_start_above_the_face(face: Faces) -> None:
    labels = face()
    blank = np.zeros((*labels.shape, 3), np.uint8)
    mask = occlude(blank, labels, "a", "strands", 0.5, LAPA).mask
    assert mask[labels == LAPA.hair].any()
    upper, lower = np.array_split(mask & np.isin(labels, LAPA.face), 2)
    assert upper.sum() > lower.sum()


def test_the_hand_has_the_colour_of_the_skin(face: Faces) -> None:
    labels = face()
    image = np.zeros((*labels.shape, 3), np.uint8)
    image[labels == LAPA.skin] = (180, 120, 90)
    hand = occlude(image, labels, "a", "hand", 0.35, LAPA)
    np.testing.assert_allclose(np.median(hand.image[hand.mask], axis=0), (180, 120, 90), rtol=0.2)
