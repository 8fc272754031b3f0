"""Moves keep labels aligned with their image; worked by hand on small pictures."""

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, LAPA
from faceseg.errors import UserError
from faceseg.robustness.geometry import KINDS, moves_for, neutral, severities
from faceseg.robustness.geometry.moves import (
    less_detail,
    mirrored,
    rolled,
    shifted,
    zoomed_in,
    zoomed_out,
)

Labels = NDArray[np.uint8]


def picture(labels: Labels) -> NDArray[np.uint8]:
    """Return labels (H, W) as grey levels in steps of 20."""
    return np.repeat((labels * 20)[..., None], 3, axis=2)


def centre(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.argwhere(mask).mean(axis=0)


# The first 16 digits of the digests of moved labels of two hand-made faces. A change requires a
# new version of the protocol. They are the same with and without AVX2 and AVX-512.
PINNED = {
    "resolution": "3b99698316f54a56",
    "framing": "210c08bde6a35289",
    "roll": "10c85799d3eabb5f",
    "flip": "ca5854c2841b9d33",
    "shift": "889393acc127f87c",
}


@pytest.mark.parametrize(("kind", "start"), PINNED.items())
def test_the_labels_of_geo_v1_do_not_change(
    kind: str, start: str, face: Callable[..., Labels]
) -> None:
    digest = hashlib.sha256()
    for name, labels in (("a", face(128)), ("b", face(64, tilt=True)[:50])):
        for move in moves_for(labels, name, kind, LAPA):
            digest.update(move.labels(labels).tobytes())
    assert digest.hexdigest()[:16] == start


SQUARE = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 1, 2], [3, 4, 5, 6]], np.uint8)


def test_a_shift_moves_by_whole_pixels() -> None:
    move = shifted((4, 4), across=1, down=-2)
    expected = [[255, 9, 10, 1], [255, 3, 4, 5], [255] * 4, [255] * 4]
    assert move.labels(SQUARE).tolist() == expected
    # The last row and the first column are repeated.
    shown = [[9, 9, 10, 1], [3, 3, 4, 5], [3, 3, 4, 5], [3, 3, 4, 5]]
    assert (move.image(picture(SQUARE))[..., 0] // 20).tolist() == shown


def test_a_flip_exchanges_left_and_right_classes() -> None:
    # Brows 2 and 3 and eyes 4 and 5 are exchanged.
    expected = [[5, 2, 3, 1], [8, 7, 6, 4], [3, 1, 10, 9], [6, 4, 5, 2]]
    assert mirrored(LAPA).labels(SQUARE).tolist() == expected
    shown = mirrored(LAPA).image(picture(SQUARE))[..., 0] // 20
    assert shown.tolist() == SQUARE[:, ::-1].tolist()


def test_a_roll_by_90_degrees_is_exact() -> None:
    move = rolled((4, 4), (1.5, 1.5), 90)
    assert move.labels(SQUARE).tolist() == np.rot90(SQUARE).tolist()
    assert move.image(picture(SQUARE))[..., 0].tolist() == (np.rot90(SQUARE) * 20).tolist()


def test_zooming_out_by_half_about_the_corner() -> None:
    wide = SQUARE.repeat(2, axis=0).repeat(2, axis=1)
    move = zoomed_out((8, 8), (-0.5, -0.5), 0.5)
    found = move.labels(wide)
    np.testing.assert_array_equal(found[:4, :4], SQUARE)
    assert (found[4:] == IGNORE).all()
    assert (found[:, 4:] == IGNORE).all()
    shown = move.image(picture(wide))[..., 0] // 20
    np.testing.assert_array_equal(shown[:4, :4], SQUARE)
    assert shown[4:, :4].tolist() == [SQUARE[3].tolist()] * 4


def test_zooming_in_by_two_about_the_corner() -> None:
    found = zoomed_in((4, 4), (3.5, 3.5), 2).labels(SQUARE)
    assert found.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [5, 5, 6, 6], [5, 5, 6, 6]]


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.4, 2.0])
def test_the_centre_of_a_zoom_stays_in_place(scale: float) -> None:
    labels = np.zeros((200, 120), np.uint8)
    labels[48:52, 28:32] = 4
    move = (zoomed_out if scale < 1 else zoomed_in)((200, 120), (29.5, 49.5), scale)
    rows, columns = np.nonzero(move.labels(labels) == 4)
    assert rows.mean() == pytest.approx(49.5, abs=1)
    assert columns.mean() == pytest.approx(29.5, abs=1)
    assert math.sqrt(len(rows)) == pytest.approx(4 * scale, abs=1)


def test_detail_is_relative_to_a_fixed_side() -> None:
    # Both pictures keep 256 / 4 pixels a side; one of 50 pixels has less and does not change.
    rng = np.random.default_rng(0)
    for side in (256, 512):
        block = side // 64
        image = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        left = less_detail((side, side), 4).image(image)
        means = [each.reshape(64, block, 64, block, 3).mean((1, 3)) for each in (image, left)]
        assert left.std() == pytest.approx(128 / math.sqrt(3) / block, rel=0.35)
        assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.9
    small = rng.integers(0, 256, (50, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(less_detail((50, 50), 4).image(small), small)


@pytest.mark.parametrize("kind", ["framing", "roll", "shift"])
@pytest.mark.parametrize("rows", [128, 97])
def test_labels_stay_on_the_picture(kind: str, rows: int, face: Callable[..., Labels]) -> None:
    labels = np.isin(face(128)[:rows], LAPA.face).astype(np.uint8)
    for move in moves_for(labels, "a", kind, LAPA):
        moved, shown = move.labels(labels), move.image(labels[..., None].repeat(3, 2) * 255)
        assert shown.shape == (*labels.shape, 3)
        scored = moved != IGNORE
        face_moved, face_shown = (moved == 1) & scored, (shown[..., 0] >= 128) & scored
        # At half the size the new pixel's centre is on an edge between two labels, which causes
        # an offset of a quarter of a pixel. The tolerance detects a slip of half a pixel.
        np.testing.assert_allclose(centre(face_moved), centre(face_shown), atol=0.3)
        assert face_moved.sum() == pytest.approx(face_shown.sum(), rel=0.02)


def test_less_detail_keeps_the_labels(face: Callable[..., Labels]) -> None:
    labels = face(64)
    assert all(move.labels(labels) is labels for move in moves_for(labels, "a", "resolution", LAPA))


def test_directions_are_random_for_each_image(face: Callable[..., Labels]) -> None:
    labels = face(64)
    for kind, ways in (("roll", 2), ("shift", 4)):
        found = {
            moves_for(labels, name, kind, LAPA)[-1].labels(labels).tobytes()
            for name in "abcdefghijkl"
        }
        assert len(found) == ways
        again = moves_for(labels, "a", kind, LAPA)[-1].labels(labels).tobytes()
        assert again in found


def test_a_picture_without_a_face_rolls_about_its_middle() -> None:
    labels = np.zeros((65, 65), np.uint8)
    labels[32, 32] = 10
    for move in moves_for(labels, "a", "roll", LAPA):
        assert move.labels(labels)[32, 32] == 10


def test_the_neutral_severity_of_each_kind() -> None:
    assert [neutral(kind) for kind in KINDS] == [1, 1, 0, 0, 0]


def test_an_unknown_kind_is_a_user_error() -> None:
    with pytest.raises(UserError, match="no geometry kind 'yaw': expected one of resolution"):
        severities("yaw")
