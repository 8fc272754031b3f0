"""Digital corruptions, compared with hand-worked values or the standard library."""

import colorsys

import numpy as np
import pytest

from faceseg.robustness.corruption import SEVERITIES, corrupt, corrupt_each


@pytest.mark.parametrize("size", [224, 448])
def test_large_pixels_have_the_same_share_of_any_picture(size: int) -> None:
    # Severity 5 keeps a quarter of 224 pixels a side: blocks of 4 pixels at 224, of 8 at 448.
    block = size // 56
    image = np.random.default_rng(4).integers(0, 256, (size, size, 3), dtype=np.uint8)
    found = corrupt(image, "a", "pixelate", 5).astype(float)
    means = image.reshape(56, block, 56, block, 3).mean(axis=(1, 3))
    expected = means.repeat(block, axis=0).repeat(block, axis=1)
    np.testing.assert_allclose(found, expected, atol=1)  # Pillow rounds after each axis


def test_a_picture_of_fewer_pixels_does_not_change() -> None:
    image = np.random.default_rng(5).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for found in corrupt_each(image, "a", "pixelate", SEVERITIES):
        np.testing.assert_array_equal(found, image)


def test_jpeg_keeps_the_means_of_blocks_and_loses_detail() -> None:
    rng = np.random.default_rng(6)
    blocks = rng.integers(40, 216, (4, 4), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    image = np.repeat(blocks[..., None], 3, axis=2)
    detail = np.clip(image.astype(int) + rng.integers(-9, 10, image.shape), 0, 255).astype(np.uint8)
    for found in corrupt_each(detail, "a", "jpeg", SEVERITIES):
        means = found.reshape(4, 16, 4, 16, 3).mean(axis=(1, 3, 4))
        np.testing.assert_allclose(means, blocks[::16, ::16], atol=8)
        assert found.astype(int).std() > 0
        assert np.diff(found.astype(int), axis=0).std() < np.diff(detail.astype(int), axis=0).std()


# --- Light and colour.


def test_contrast_moves_each_channel_towards_its_mean() -> None:
    # Means 100, 50 and 7; severity 1 keeps 0.4 of the distance, severity 5 0.05 of it.
    image = np.array([[[0, 50, 6], [100, 0, 7], [200, 100, 8]]], np.uint8)
    mild, hard = corrupt_each(image, "a", "contrast", (1, 5))
    assert mild.tolist() == [[[60, 50, 7], [100, 30, 7], [140, 70, 7]]]
    assert hard.tolist() == [[[95, 50, 7], [100, 48, 7], [105, 52, 7]]]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_is_added_to_the_value_of_hsv(severity: float) -> None:
    image = np.random.default_rng(3).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    image[0, 0], image[0, 1] = 0, 255
    found = corrupt(image, "a", "brightness", severity)
    for before, after in zip(image.reshape(-1, 3), found.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(before / 255))
        brighter = colorsys.hsv_to_rgb(hue, saturation, min(value + severity / 10, 1))
        np.testing.assert_allclose(after, np.array(brighter) * 255, atol=0.5 + 1e-9)


def test_grey_removes_a_fifth_of_the_colour_per_severity() -> None:
    # Luma of (200, 100, 50): 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2.
    image = np.array([[[200, 100, 50], [9, 9, 9]]], np.uint8)
    found = corrupt_each(image, "a", "grey", SEVERITIES)
    assert [each[0, 0].tolist() for each in found] == [
        [185, 105, 65],  # 160 + 24.84, 80 + 24.84, 40 + 24.84
        [170, 110, 80],
        [155, 115, 95],
        [139, 119, 109],
        [124, 124, 124],
    ]
    assert all(each[0, 1].tolist() == [9, 9, 9] for each in found)
