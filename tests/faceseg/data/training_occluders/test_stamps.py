"""Stamps: outlines by hand, and properties that every object must have."""

import numpy as np
import pytest

from faceseg.data.training_occluders import KINDS
from faceseg.data.training_occluders.placement import STAMPS, stamps_of
from faceseg.data.training_occluders.stamps import LEVELS, MAIN, SIDE, Sketch, band, turned
from faceseg.robustness import occlusion

SQUARE = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


def test_a_filled_square_has_its_area_colour_and_place():
    sketch = Sketch()
    sketch.fill(SQUARE, MAIN, 0.6)
    stamp = sketch.stamp()
    assert stamp.area == pytest.approx((SIDE / 2) ** 2, rel=0.03)
    assert stamp.centre == pytest.approx((0.5, 0.5), abs=0.01)
    middle = stamp.levels[0][SIDE // 2, SIDE // 2]
    assert middle.tolist() == [153, 0, 0, 255]  # 0.6 of 255, no second colour, no gloss, opaque


def test_a_shadow_is_never_opaque():
    sketch = Sketch()
    sketch.fill(SQUARE, MAIN)
    below = sketch.stamp().levels[0][round(0.77 * SIDE), SIDE // 2]
    assert below[:3].tolist() == [0, 0, 0]
    assert 20 < below[3] < 128


def test_a_later_part_covers_an_earlier_one():
    sketch = Sketch()
    sketch.fill(SQUARE, MAIN, 1.0)
    sketch.fill(SQUARE / 2, np.array([0, 1, 0], np.float32), 1.0)
    assert sketch.stamp().levels[0][SIDE // 2, SIDE // 2].tolist() == [0, 255, 0, 255]


def test_a_band_has_its_width_on_both_sides():
    path = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert band(path, 0.5)[:, 1].tolist() == [0.25] * 3 + [-0.25] * 3


def test_a_quarter_turn_is_clockwise_in_the_image():
    found = turned(np.array([[1.0, 0.0]]), np.pi / 2, (0.0, 0.0))
    assert found == pytest.approx(np.array([[0.0, 1.0]]))  # right goes down


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_is_whole_and_large_enough(kind):
    assert len(stamps_of(kind)) == STAMPS
    for stamp in stamps_of(kind):
        opaque = stamp.levels[0][..., 3] >= 128
        assert stamp.area == opaque.sum() > 0.1 * SIDE**2
        edge = np.concatenate([opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1]])
        assert not edge.any()
        assert [level.shape[0] for level in stamp.levels] == [SIDE >> n for n in range(LEVELS)]
        # Light is multiplied by opacity: no pixel is brighter than it is opaque.
        layers = stamp.levels[0].astype(int)
        assert (layers[..., :3].sum(axis=2) <= layers[..., 3] + 2).all()


def test_no_two_stamps_of_a_kind_are_equal():
    for kind in KINDS:
        assert len({stamp.levels[0].tobytes() for stamp in stamps_of(kind)}) == STAMPS


def test_no_kind_is_one_that_networks_are_judged_by():
    assert not {*KINDS} & {*occlusion.KINDS, occlusion.REFERENCE_KIND}
