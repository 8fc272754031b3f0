"""Run lengths against values that the original tools wrote, and against pycocotools."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from faceseg.data.formats.run_lengths import brush_region, coco_counts, mask_of_counts
from faceseg.data.formats.shapes import ShapeError
from tests.faceseg.data.formats.face_grid import grid

MASK = grid("00110", "01110", "11001").astype(bool)

# What the original tools wrote for MASK: pycocotools 2.0.11, cvat-sdk 2.80.0 (`encode_mask`), and
# label-studio-sdk 2.1.2 (`mask2rle`).
COCO = "21130N2O"
CVAT = [2, 2, 2, 3, 1, 2, 2, 1]
BRUSH = bytes(
    [0, 0, 0, 60, 57, 27, 252, 224, 19, 255, 206, 1, 111, 254, 48, 9, 255, 231, 0, 143, 252]
)


def test_values_of_the_original_tools() -> None:
    np.testing.assert_array_equal(mask_of_counts(CVAT, (3, 5), "rows"), MASK)
    np.testing.assert_array_equal(mask_of_counts(coco_counts(COCO, 15), (3, 5), "columns"), MASK)
    np.testing.assert_array_equal(brush_region(BRUSH, (3, 5)).mask, MASK)  # no row is empty


def test_a_run_may_be_empty() -> None:
    np.testing.assert_array_equal(mask_of_counts([0, 6], (2, 3), "rows"), np.ones((2, 3)))


@settings(max_examples=50)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_compressed_run_lengths_agree_with_pycocotools(
    rows: int, columns: int, seed: int, share: float
) -> None:
    # Large and small runs: differences of both signs, in one to four characters.
    drawn = np.random.default_rng(seed).random((rows, columns)) < share
    text = mask.encode(np.asfortranarray(drawn.astype(np.uint8)))["counts"].decode()
    found = mask_of_counts(coco_counts(text, drawn.size), drawn.shape, "columns")
    np.testing.assert_array_equal(found, drawn)


@pytest.mark.parametrize(
    ("counts", "wrong"),
    [
        ([2, 3], "run lengths of 5 pixels for 3 x 2"),
        ([], "run lengths of 0 pixels"),
        ([4, 3], "run lengths of 7 pixels"),
        ([-1, 7], "negative length or beyond"),
        ([2**63, 2**63], "negative length or beyond"),
    ],
)
def test_run_lengths_that_do_not_fit_are_refused(counts: list[int], wrong: str) -> None:
    with pytest.raises(ShapeError, match=wrong):
        mask_of_counts(counts, (2, 3), "rows")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("2\x01", "damaged"),
        ("é", "damaged"),
        ("o" * 20, "damaged"),  # a number without an end
        ("P", "inside a number"),
        ("1" * 100, "damaged"),  # far more runs than pixels
    ],
)
def test_damaged_compressed_run_lengths_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(ShapeError, match=wrong):
        coco_counts(text, 6)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"", "ends early"),
        (BRUSH[:-3], "ends early"),
        (b"\xff" * 21, "4,294,967,295 values"),
        (BRUSH[:3] + b"\x38" + BRUSH[4:], "56 values of 8 bits"),
        (BRUSH[:4] + b"\x79" + BRUSH[5:], "60 values of 16 bits"),
        # One run of 2**16 values for 60.
        (BRUSH[:6] + b"\xff" + b"\xff" * 9, "exceed the image"),
    ],
)
def test_damaged_brush_regions_are_refused(content: bytes, wrong: str) -> None:
    with pytest.raises(ShapeError, match=wrong):
        brush_region(content, (3, 5))
