"""Logits that are enlarged a few rows at a time, and their argmax."""

import platform

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from faceseg.inference.predictor import (
    argmax_labels,
    labels_from_logits,
    resize_logits,
    resized_blocks,
)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="OpenCV rounds otherwise")
@pytest.mark.parametrize("channels", [2, 6, 11, 19])
@pytest.mark.parametrize(
    ("old", "new"), [((64, 64), (801, 777)), ((256, 256), (200, 180)), ((5, 7), (5, 9))]
)
def test_blocks_are_the_rows_of_the_enlarged_logits_to_the_bit(
    old: tuple[int, int], new: tuple[int, int], channels: int
) -> None:
    logits = np.random.default_rng(1).standard_normal((*old, channels)).astype(np.float32)
    whole, found = resize_logits(logits, new), np.zeros((*new, channels), np.float32)
    for rows, block in resized_blocks(logits, new):
        found[rows] = block
    np.testing.assert_array_equal(found, whole)
    np.testing.assert_array_equal(labels_from_logits(logits, new), whole.argmax(axis=-1))


@given(arrays.arrays(np.float32, (3, 4, 5), elements=st.sampled_from([-np.inf, -1, 0, 1, np.inf])))
def test_the_label_of_equal_logits_is_the_first(logits: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(argmax_labels(logits), logits.argmax(axis=-1))
