"""Blurs equal scipy's convolutions with the source's kernels at the source's size."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from faceseg.robustness.corruption import SEVERITIES, corrupt, corrupt_each

SIDE = 224


@pytest.fixture(scope="module")
def noise() -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def source_disc(radius: int, alias_blur: float) -> NDArray[np.float64]:
    """Return the kernel of a disc as in the code of ImageNet-C."""
    size, width = (8, 3) if radius <= 8 else (radius, 5)
    across, down = np.meshgrid(np.arange(-size, size + 1), np.arange(-size, size + 1))
    disc = np.array(across**2 + down**2 <= radius**2, dtype=np.float64)
    return cv2.GaussianBlur(disc / disc.sum(), ksize=(width, width), sigmaX=alias_blur)


@pytest.mark.parametrize(("severity", "radius", "soft"), [(1, 3, 0.1), (3, 6, 0.5), (5, 10, 0.5)])
def test_defocus(severity: int, radius: int, soft: float, noise: NDArray[np.uint8]) -> None:
    found = corrupt(noise, "a", "defocus_blur", severity)
    kernel = source_disc(radius, soft)[..., None]
    # Discs of 8 and 10 pixels touch the edge of their grid, and the source brightens by 1 %.
    expected = ndimage.convolve(noise.astype(float), kernel / kernel.sum(), mode="mirror")
    np.testing.assert_allclose(found, expected, atol=0.501)  # the rounding error


@pytest.mark.parametrize(("severity", "sigma"), [(1, 1), (3, 3), (5, 6)])
def test_gaussian(severity: int, sigma: int, noise: NDArray[np.uint8]) -> None:
    found = corrupt(noise, "a", "gaussian_blur", severity)
    expected = ndimage.gaussian_filter(
        noise.astype(float), sigma, mode="mirror", truncate=4, axes=(0, 1)
    )
    np.testing.assert_allclose(found, expected, atol=0.501)


def spot(size: int) -> NDArray[np.uint8]:
    """Return a black picture with a white square of 1/32 of its side in the middle."""
    image = np.zeros((size, size, 3), np.uint8)
    part = slice(size // 2 - size // 64, size // 2 + size // 64)
    image[part, part] = 255
    return image


def moments(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centre (x, y) and the covariance of an image's light."""
    positions = np.stack(np.mgrid[: image.shape[0], : image.shape[1]][::-1]).reshape(2, -1)
    light = image[..., 0].ravel().astype(float)
    return np.average(positions, axis=1, weights=light), np.cov(positions, aweights=light)


@pytest.mark.parametrize("image_id", ["a", "b", "c"])
def test_motion_is_along_a_line_and_does_not_displace(image_id: str) -> None:
    images = corrupt_each(spot(SIDE), image_id, "motion_blur", SEVERITIES)
    before, own = moments(spot(SIDE))
    for image, (radius, sigma) in zip(
        images, [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)], strict=True
    ):
        centre, covariance = moments(image)
        np.testing.assert_allclose(centre, before, atol=0.8)
        widths, axes = np.linalg.eigh(covariance - own)
        # Half a Gaussian with the source's taps 0, 1, 2, ..., cut off at twice the radius.
        steps = np.arange(2 * radius + 1)
        weights = np.exp(-(steps**2) / (2 * sigma**2))
        expected = np.cov(steps, aweights=weights, ddof=0)
        assert widths[1] == pytest.approx(expected, rel=0.05, abs=0.5)  # whole pixels
        assert abs(widths[0]) < 1.5
        assert abs(axes[1, 1] / axes[0, 1]) < 1.1  # at most 45 degrees from level


@pytest.mark.parametrize("kind", ["gaussian_blur", "defocus_blur", "motion_blur"])
def test_a_blur_is_the_same_share_of_a_larger_picture(kind: str) -> None:
    small, large = (moments(corrupt(spot(size), "a", kind, 4))[1] for size in (256, 512))
    np.testing.assert_allclose(large, 4 * small, rtol=0.12, atol=12)


@pytest.mark.parametrize("kind", ["gaussian_blur", "defocus_blur", "motion_blur"])
def test_a_uniform_picture_does_not_change(kind: str) -> None:
    even = np.full((40, 60, 3), (7, 128, 255), np.uint8)
    for image in corrupt_each(even, "a", kind, SEVERITIES):
        np.testing.assert_array_equal(image, even)
