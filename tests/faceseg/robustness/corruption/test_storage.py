"""Large pixels, and the artefacts of JPEG."""

import numpy as np
import pytest

from faceseg.robustness.corruption import SEVERITIES, corrupt, corrupt_each


@pytest.mark.parametrize("size", [224, 448])
def test_pixels_are_as_large_a_share_of_any_picture(size: int) -> None:
    # Severity 5 has a quarter of 224 pixels a side: blocks of 4 pixels of 224, of 8 of 448.
    block = size // 56
    image = np.random.default_rng(4).integers(0, 256, (size, size, 3), dtype=np.uint8)
    found = corrupt(image, "a", "pixelate", 5).astype(float)
    means = image.reshape(56, block, 56, block, 3).mean(axis=(1, 3))
    expected = means.repeat(block, axis=0).repeat(block, axis=1)
    np.testing.assert_allclose(found, expected, atol=1)  # Pillow rounds after each axis


def test_a_picture_of_fewer_pixels_has_none_to_lose() -> None:
    image = np.random.default_rng(5).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for found in corrupt_each(image, "a", "pixelate", SEVERITIES):
        np.testing.assert_array_equal(found, image)


def test_jpeg_keeps_blocks_and_loses_detail_within() -> None:
    rng = np.random.default_rng(6)
    blocks = rng.integers(40, 216, (4, 4), dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    image = np.repeat(blocks[..., None], 3, axis=2)
    detail = np.clip(image.astype(int) + rng.integers(-9, 10, image.shape), 0, 255).astype(np.uint8)
    for found in corrupt_each(detail, "a", "jpeg", SEVERITIES):
        means = found.reshape(4, 16, 4, 16, 3).mean(axis=(1, 3, 4))
        np.testing.assert_allclose(means, blocks[::16, ::16], atol=8)
        assert found.astype(int).std() > 0
        assert np.diff(found.astype(int), axis=0).std() < np.diff(detail.astype(int), axis=0).std()
