"""Which of several overlapping shapes is on top, and the ids of labels."""

from pathlib import Path

import numpy as np
import pytest

from faceseg.data.formats.shapes import (
    Region,
    Shape,
    ShapeError,
    class_ids,
    label_id,
    paint,
    region_of_mask,
)
from faceseg.errors import UserError


def square(label: int, side: int, layer: int = 0, place: int = 0) -> Shape:
    return Shape(label, Region(np.ones((side, side), dtype=bool), place, place), layer)


def test_the_smaller_shape_is_on_top_whatever_the_order() -> None:
    for shapes in ([square(1, 3), square(2, 1, place=1)], [square(2, 1, place=1), square(1, 3)]):
        np.testing.assert_array_equal(paint(shapes, (3, 3)), [[1, 1, 1], [1, 2, 1], [1, 1, 1]])


def test_of_equal_sizes_the_later_is_on_top() -> None:
    assert paint([square(1, 1), square(2, 1)], (1, 1)).tolist() == [[2]]


def test_the_higher_layer_is_on_top_of_a_smaller_shape() -> None:
    assert paint([square(1, 2, layer=1), square(2, 1)], (2, 2)).tolist() == [[1, 1], [1, 1]]


def test_an_image_without_shapes_is_background() -> None:
    assert not paint([], (2, 2)).any()


def test_the_shapes_of_an_image_are_bounded() -> None:
    with pytest.raises(ShapeError, match="too many or too large shapes"):
        paint((square(1, 1) for _ in range(5_001)), (1, 1))
    laborious = Shape(1, Region(np.ones((1, 1), dtype=bool), work=2**30))
    with pytest.raises(ShapeError, match="too many or too large shapes"):
        paint([laborious] * 2, (1, 1))


def test_background_and_ignored_labels_have_fixed_ids() -> None:
    classes, ids = class_ids(
        ["__ignore__", "_background_", "skin", "Background", "eye", "skin"], Path()
    )
    assert classes == ("background", "skin", "eye")
    assert ids == {"__ignore__": 255, "_background_": 0, "Background": 0, "skin": 1, "eye": 2}


def test_no_labels_and_too_many_labels_are_refused() -> None:
    with pytest.raises(UserError, match="0 labels"):
        class_ids(["background"], Path("index.json"))
    with pytest.raises(UserError, match=r"index\.json: 254 labels; expected 1 to 253"):
        class_ids([f"label{number}" for number in range(254)], Path("index.json"))


def test_a_mask_of_the_whole_image_keeps_its_place() -> None:
    mask = np.zeros((5, 6), dtype=bool)
    mask[1, 4] = mask[3, 2] = True
    region = region_of_mask(mask)
    assert region.mask.shape == (3, 3)
    np.testing.assert_array_equal(paint([Shape(1, region)], mask.shape), mask)
    empty = region_of_mask(np.zeros((5, 6), dtype=bool))
    assert not paint([Shape(1, empty)], mask.shape).any()


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ShapeError, match="unknown label 'hat'"):
        label_id({"skin": 1}, "hat")
