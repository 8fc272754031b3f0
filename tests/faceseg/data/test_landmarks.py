"""Landmarks give the yaw of a head within a few degrees, unless they contradict the mask."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from faceseg.data.classes import LAPA, ClassSet
from faceseg.data.landmarks import (
    EYES,
    HEAD_POINTS_CM,
    LANDMARK_COUNT,
    landmarks_match_mask,
    read_landmarks,
    yaw_degrees,
)
from faceseg.data.lapa import LapaFolder
from faceseg.data.problems import BadFile

Points = NDArray[np.float64]
CAMERA = 100.0  # cm from the head's middle; a nearer camera exaggerates the yaw


def points_of(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Points:
    """Project the generic head after yaw, pitch and roll; it has about 100 px at (200, 150).

    The axes x right, y down and z towards the camera are left-handed, so positive angles rotate
    in the other direction. This explains the signs.
    """
    turned = Rotation.from_euler("yxz", [yaw, -pitch, roll], degrees=True)
    places = turned.apply(np.array(list(HEAD_POINTS_CM.values())))
    near = CAMERA / (CAMERA - places[:, 2:])
    points = np.full((LANDMARK_COUNT, 2), (200.0, 150.0))
    points[list(HEAD_POINTS_CM)] += 10 * near * places[:, :2]
    # The other points of each eye are between its corners.
    for eye, corners in zip(EYES, ((66, 70), (75, 79)), strict=True):
        others = [each for each in range(eye.start, eye.stop) if each not in corners]
        points[others] = points[list(corners)].mean(axis=0)
    return points


def mask_of(points: Points) -> NDArray[np.uint8]:
    """Paint a face around (200, 150) with an eye of 9 x 5 pixels at each eye of the landmarks."""
    labels = np.zeros((300, 400), dtype=np.uint8)
    labels[70:240, 130:270] = LAPA.skin
    for eye, name in zip(EYES, LAPA.eyes, strict=True):
        x, y = np.round(points[eye].mean(axis=0)).astype(int)
        labels[y - 2 : y + 3, x - 4 : x + 5] = name
    return labels


def moved(points: Points, right: float, down: float) -> Points:
    return points + np.array([right, down])


def write(path: Path, points: Points) -> None:
    lines = [str(len(points)), *(f"{x:.3f} {y:.3f}" for x, y in points)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("yaw", [-45, -20, 0, 10, 30])
@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (15, 0), (0, 25), (-10, -20)])
def test_the_yaw_does_not_depend_on_pitch_and_roll(yaw: float, pitch: float, roll: float) -> None:
    assert yaw_degrees(points_of(yaw, pitch, roll)) == pytest.approx(yaw, abs=4)


def test_a_nose_moved_to_the_right_looks_right() -> None:
    points = points_of(0)
    points[54, 0] += 15
    assert yaw_degrees(points) > 10


def test_a_mirrored_face_looks_the_other_way() -> None:
    points = points_of(25, pitch=5)
    mirrored = points * [-1, 1]
    pairs = [(66, 79), (70, 75), (84, 90)]
    for left, right in pairs:
        mirrored[[left, right]] = mirrored[[right, left]]
    assert yaw_degrees(mirrored) == pytest.approx(-yaw_degrees(points))


def test_points_on_the_face_match() -> None:
    points = points_of(15)
    assert landmarks_match_mask(points, mask_of(points), LAPA)


@pytest.mark.parametrize("shift", [(40, 0), (0, 30), (-200, -150)])
def test_points_beside_the_eyes_do_not_match(shift: tuple[int, int]) -> None:
    points = points_of(0)
    assert not landmarks_match_mask(moved(points, *shift), mask_of(points), LAPA)


def test_without_visible_eyes_the_middle_must_be_on_the_face() -> None:
    points = points_of(0)
    sunglasses = np.where(mask_of(points) == 0, 0, LAPA.skin).astype(np.uint8)
    assert landmarks_match_mask(points, sunglasses, LAPA)
    assert landmarks_match_mask(moved(points, 30, 0), sunglasses, LAPA)
    assert not landmarks_match_mask(moved(points, 120, 0), sunglasses, LAPA)


def test_one_class_may_contain_both_eyes() -> None:
    both = ClassSet(
        names=("background", "skin", "eyes"), palette=((0, 0, 0),) * 3, face=(1, 2), eyes=(2,)
    )
    points = points_of(0)
    labels = np.minimum(mask_of(points), 2)
    assert landmarks_match_mask(points, labels, both)
    assert not landmarks_match_mask(moved(points, 0, 30), labels, both)


def test_a_missing_face_or_equal_points_do_not_match() -> None:
    points = points_of(0)
    assert not landmarks_match_mask(points, np.zeros((300, 400), np.uint8), LAPA)
    assert not landmarks_match_mask(np.full((LANDMARK_COUNT, 2), 200.0), mask_of(points), LAPA)


def test_a_file_is_read(tmp_path: Path) -> None:
    points = points_of(5)
    write(tmp_path / "a.txt", points)
    np.testing.assert_allclose(read_landmarks(tmp_path / "a.txt"), points, atol=1e-3)


@pytest.mark.parametrize(
    "content", [b"", b"106\n1 2\n", b"\xff\xfe\x00", b"106\nx y\n", b"106\n" + b"nan 1\n" * 106]
)
def test_a_damaged_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(BadFile, match="expected the number 106, then 106 lines"):
        read_landmarks(tmp_path / "a.txt")


def test_the_facts_of_a_pair_contain_its_pose(lapa_folder: Path) -> None:
    points = points_of(-30)
    for name, written in (("test0", points), ("test1", moved(points, 60, 0))):
        Image.fromarray(mask_of(points)).save(lapa_folder / f"test/labels/{name}.png")
        write(lapa_folder / f"test/landmarks/{name}.txt", written)
    right, wrong = LapaFolder(lapa_folder).items("test")
    assert right.facts(mask_of(points))["yaw_degrees"] == pytest.approx(-30, abs=4)
    assert wrong.facts(mask_of(points)) == {"landmarks": "not where the mask has the face"}
