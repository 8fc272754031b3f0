"""Resizing aligns pixel centres, without a half-pixel slip, and creates no new ids."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceseg.data.classes import IGNORE, LAPA
from faceseg.data.images import resize_image, resize_labels, resize_labels_bilinear


def test_shrinking_averages_areas() -> None:
    row = np.array([0, 100, 20, 40], dtype=np.uint8)
    image = np.tile(row[None, :, None], (2, 1, 3))
    assert resize_image(image, (1, 2))[0, :, 0].tolist() == [50, 30]


def test_growing_interpolates_between_pixel_centres() -> None:
    # New centres are at -0.25, 0.25, 0.75, 1.25 of the old pixels 0 and 100.
    image = np.tile(np.array([0, 100], dtype=np.uint8)[None, :, None], (2, 1, 3))
    assert resize_image(image, (2, 4))[0, :, 0].tolist() == [0, 25, 75, 100]


def test_one_axis_may_shrink_while_the_other_grows() -> None:
    image = np.array([[0, 100], [40, 60]], dtype=np.uint8)[..., None].repeat(3, axis=2)
    # The rows are averaged to 20 and 80, then interpolated to four columns.
    assert resize_image(image, (1, 4))[0, :, 0].tolist() == [20, 35, 65, 80]


def test_labels_shrunk_to_half_take_the_pixel_under_the_centre() -> None:
    # Old centres 1.5, 3.5: between 1 and 2, 3 and 4 in pixels counted from 0.5: 1 and 3.
    labels = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    assert resize_labels(labels, (1, 2)).tolist() == [[1, 3]]


def test_labels_shrunk_to_a_third_take_the_middle() -> None:
    labels = np.arange(9, dtype=np.uint8)[None]
    assert resize_labels(labels, (1, 3)).tolist() == [[1, 4, 7]]


def test_labels_stay_on_a_shrunk_image() -> None:
    # A ramp of column numbers as image and as labels: they must agree after resizing.
    columns = np.arange(200, dtype=np.uint8)
    labels = np.tile(columns, (60, 1))
    image = np.repeat(labels[..., None], 3, axis=2)
    for size in ((20, 77), (60, 128), (90, 200), (31, 333)):
        slip = resize_labels(labels, size).astype(float) - resize_image(image, size)[..., 0]
        assert abs(slip.mean()) < 0.1  # corner sampling slips by up to 0.8 here


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
)
def test_labels_are_nearest_by_the_formula(
    height: int, width: int, rows: int, columns: int
) -> None:
    labels = np.random.default_rng(height * 41 + width).integers(0, 11, (height, width), np.uint8)
    # In whole numbers: (i + 1/2) * old / new, floored.
    down = (2 * np.arange(rows) + 1) * height // (2 * rows)
    across = (2 * np.arange(columns) + 1) * width // (2 * columns)
    assert resize_labels(labels, (rows, columns)).tolist() == labels[np.ix_(down, across)].tolist()


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (64, 64)])
def test_sizes_and_types(size: tuple[int, int]) -> None:
    image = resize_image(np.zeros((5, 9, 3), dtype=np.uint8), size)
    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8


# Left brow (2) beside hair (10): the mean is 6, which is the nose. In four columns, the centres
# are at -0.25, 0.25, 0.75 and 1.25: 2, then 2 + 8/4, 2 + 8 * 3/4, 10.
BROW_AND_HAIR = np.array([[2, 10]], dtype=np.uint8)


def test_bilinear_masks_contain_classes_that_do_not_exist_there() -> None:
    assert resize_labels_bilinear(BROW_AND_HAIR, (1, 1)).tolist() == [[LAPA.names.index("nose")]]
    assert resize_labels_bilinear(BROW_AND_HAIR, (1, 4)).tolist() == [[2, 4, 8, 10]]


def test_nearest_masks_contain_existing_classes_only() -> None:
    assert resize_labels(BROW_AND_HAIR, (1, 1)).tolist() == [[10]]
    assert resize_labels(BROW_AND_HAIR, (1, 4)).tolist() == [[2, 2, 10, 10]]


def test_a_bilinear_mask_of_the_same_size_is_unchanged() -> None:
    assert resize_labels_bilinear(BROW_AND_HAIR, (1, 2)) is BROW_AND_HAIR


def test_a_mixture_with_an_ignored_pixel_is_ignored() -> None:
    labels = np.array([[2, 10, 0, IGNORE]], dtype=np.uint8)
    assert resize_labels_bilinear(labels, (1, 2)).tolist() == [[6, IGNORE]]
    rng = np.random.default_rng(5)
    noise = rng.choice(np.array([*range(11), IGNORE], np.uint8), (33, 47))
    ids = set(np.unique(resize_labels_bilinear(noise, (64, 32))).tolist())
    assert ids <= {*range(11), IGNORE}
