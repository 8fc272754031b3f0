"""Pooling with indices, unpooling, adaptive pooling and resizing against plain loops."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from faceseg.networks.layers import (
    AdaptiveAveragePooling,
    BilinearResize,
    MaxPoolWithIndices,
    MaxUnpool,
    bilinear_matrix,
    pooling_matrix,
)

Array = NDArray[np.float32]


def pool(maps: Array) -> tuple[Array, Array]:
    values, indices = MaxPoolWithIndices()(maps)
    return ops.convert_to_numpy(values), ops.convert_to_numpy(indices)


def unpool(values: Array, indices: Array) -> Array:
    return np.asarray(ops.convert_to_numpy(MaxUnpool()(values, indices)))


def one_map(rows: list[list[float]]) -> Array:
    """Return rows of numbers as a batch of one image with one channel."""
    return np.array(rows, np.float32)[np.newaxis, :, :, np.newaxis]


def pool_and_unpool(maps: Array) -> Array:
    """Keep the first maximum of each 2x2 window at its position, in plain loops; 0 elsewhere."""
    result = np.zeros_like(maps)
    count, height, width, channels = maps.shape
    positions = itertools.product(
        range(count), range(0, height, 2), range(0, width, 2), range(channels)
    )
    for image, row, column, channel in positions:
        window = maps[image, row : row + 2, column : column + 2, channel]
        down, right = np.unravel_index(np.argmax(window), (2, 2))  # argmax: the first wins
        result[image, row + down, column + right, channel] = window[down, right]
    return result


# Four windows; their maxima are at the top left, top right, bottom left and bottom right.
MAPS = one_map([[9, 1, 2, 8], [3, 4, 5, 6], [1, 2, 3, 4], [7, 5, 0, 6]])


def test_values_and_indices_of_four_windows_worked_by_hand() -> None:
    values, indices = pool(MAPS)
    np.testing.assert_array_equal(values[0, :, :, 0], [[9, 8], [7, 6]])
    np.testing.assert_array_equal(indices[0, :, :, 0], [[0, 1], [2, 3]])


def test_a_value_returns_to_the_position_of_its_maximum() -> None:
    back = unpool(*pool(MAPS))[0, :, :, 0]
    np.testing.assert_array_equal(back, [[9, 0, 0, 8], [0, 0, 0, 0], [0, 0, 0, 0], [7, 0, 0, 6]])


def test_of_equal_values_only_the_first_returns() -> None:
    ties = one_map([[5, 5, 1, 4, 0, 3], [5, 5, 4, 4, 3, 3]])
    values, indices = pool(ties)
    np.testing.assert_array_equal(indices[0, :, :, 0], [[0, 1, 1]])
    back = unpool(values, indices)[0, :, :, 0]
    np.testing.assert_array_equal(back, [[5, 0, 0, 4, 0, 3], [0, 0, 0, 0, 0, 0]])


@pytest.mark.parametrize("shape", [(2, 6, 4, 3), (1, 2, 10, 1), (3, 8, 2, 5)])
@pytest.mark.parametrize("highest", [2, 1000])  # 2: nearly every window ties
def test_it_agrees_with_a_plain_loop(shape: tuple[int, ...], highest: int) -> None:
    maps = np.random.default_rng(highest).integers(0, highest, shape).astype(np.float32)
    np.testing.assert_array_equal(unpool(*pool(maps)), pool_and_unpool(maps))


def test_one_value_returns_for_every_window() -> None:
    maps = np.random.default_rng(0).integers(1, 4, (2, 8, 6, 7)).astype(np.float32)
    values, indices = pool(maps)
    assert np.count_nonzero(unpool(values, indices)) == values.size == 2 * 4 * 3 * 7


def test_other_values_go_to_the_same_positions() -> None:
    _, indices = pool(MAPS)
    back = unpool(one_map([[-1, -2], [-3, -4]]), indices)[0, :, :, 0]
    np.testing.assert_array_equal(
        back, [[-1, 0, 0, -2], [0, 0, 0, 0], [0, 0, 0, 0], [-3, 0, 0, -4]]
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_indices_are_exact_in_half_precision(dtype: str) -> None:
    maps = np.random.default_rng(5).integers(0, 50, (2, 8, 8, 3)).astype(np.float32)
    _, indices = MaxPoolWithIndices(dtype=dtype)(ops.cast(maps, dtype))
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(indices, "float32")), pool(maps)[1])


def test_a_map_that_cannot_be_halved_is_rejected() -> None:
    with pytest.raises(ValueError, match="5x4"):
        MaxPoolWithIndices()(keras.Input((5, 4, 1)))


def test_windows_of_adaptive_pooling_worked_by_hand() -> None:
    # 8 positions in 3 windows: 0-2, 2-5, 5-7, since 8/3 = 2.67 and 16/3 = 5.33.
    third, quarter = 1 / 3, 1 / 4
    expected = [
        [third, third, third, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, quarter, quarter, quarter, quarter, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, third, third, third],
    ]
    np.testing.assert_allclose(pooling_matrix(8, 3), expected, rtol=1e-6)


@pytest.mark.parametrize("bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(8, 8), (12, 8), (4, 16), (7, 9), (2, 1), (32, 20)])
def test_adaptive_pooling_agrees_with_a_plain_loop(size: tuple[int, int], bins: int) -> None:
    height, width = size
    maps = np.random.default_rng(bins).normal(size=(2, height, width, 3)).astype(np.float32)
    expected = np.empty((2, bins, bins, 3))
    for row, column in itertools.product(range(bins), repeat=2):
        rows = slice(row * height // bins, -(-(row + 1) * height // bins))
        columns = slice(column * width // bins, -(-(column + 1) * width // bins))
        expected[:, row, column] = maps[:, rows, columns].mean(axis=(1, 2))
    pooled = ops.convert_to_numpy(AdaptiveAveragePooling(bins)(maps))
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


def test_interpolation_between_pixel_centres_worked_by_hand() -> None:
    # Two positions become four: centres at -0.25 (clipped to 0), 0.25, 0.75 and 1.25 (to 1).
    expected = [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    np.testing.assert_allclose(bilinear_matrix(2, 4), expected)


@pytest.mark.parametrize(
    ("size", "target"), [((3, 3), (8, 12)), ((6, 6), (4, 2)), ((1, 2), (5, 7))]
)
def test_resizing_agrees_with_keras(size: tuple[int, int], target: tuple[int, int]) -> None:
    maps = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    resized = ops.convert_to_numpy(BilinearResize(*target)(maps))
    expected = ops.convert_to_numpy(ops.image.resize(maps, target, interpolation="bilinear"))
    np.testing.assert_allclose(resized, expected, atol=1e-6)
