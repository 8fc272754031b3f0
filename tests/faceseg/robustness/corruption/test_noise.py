"""Noise has the distribution of its name, as scipy computes it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from faceseg.robustness.corruption import SEVERITIES, corrupt, corrupt_each

SIDE = 192
PIXELS = SIDE * SIDE * 3


def flat(value: int) -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def shares(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the shares of channels that are at most 0, 1, ... 255."""
    return np.cumsum(np.bincount(image.ravel(), minlength=256)) / image.size


# The largest difference from the distribution of 110,592 draws is below 0.0052 in 99.5 % of all
# cases (Kolmogorov and Smirnov). The draws in these tests are fixed.
GAP = 1.73 / np.sqrt(PIXELS)


@pytest.mark.parametrize("value", [0, 30, 128, 255])
@pytest.mark.parametrize(("severity", "sigma"), [(1, 0.08), (5, 0.38)])
def test_gaussian(value: int, severity: int, sigma: float) -> None:
    found = shares(corrupt(flat(value), "a", "gaussian_noise", severity))
    expected = stats.norm(value, 255 * sigma).cdf(np.arange(256) + 0.5)
    np.testing.assert_allclose(found[:255], expected[:255], atol=GAP)


@pytest.mark.parametrize("value", [1, 90, 255])
@pytest.mark.parametrize(("severity", "photons"), [(1, 60), (5, 3)])
def test_shot(value: int, severity: int, photons: int) -> None:
    image = corrupt(flat(value), "a", "shot_noise", severity)
    counts = np.minimum(np.rint(image / 255 * photons), photons)
    np.testing.assert_allclose(image, np.rint(counts / photons * 255), atol=1)
    expected = stats.poisson(value / 255 * photons).cdf(np.arange(photons))
    found = [(counts <= count).mean() for count in range(photons)]
    np.testing.assert_allclose(found, expected, atol=GAP)


def test_low_light_is_dark_and_as_noisy_as_its_electrons() -> None:
    # A white pixel has 1000 electrons in full light. Here 1/2 to 1/32 of them, and read noise 3.
    for severity, electrons in zip((1, 2, 3, 4, 5), (500, 250, 125, 62.5, 31.25), strict=True):
        image = corrupt(flat(255), "a", "low_light", severity) / 255
        linear = ((image + 0.055) / 1.055) ** 2.4 * 1000  # all far above the sRGB toe
        assert linear.mean() == pytest.approx(electrons, rel=0.01)
        # Rounding to 1/255 of sRGB adds noise where a step is many electrons.
        assert linear.std() == pytest.approx(np.sqrt(electrons + 9), rel=0.03)
    black = corrupt(flat(0), "a", "low_light", 5)
    assert (black == 0).mean() > 0.5
    assert black.max() > 0


def test_channels_and_pixels_are_independent() -> None:
    noise = corrupt(flat(128), "a", "gaussian_noise", 1).astype(float) - 128
    columns = [
        noise[..., 0],
        noise[..., 1],
        np.roll(noise[..., 0], 1, 0),
        np.roll(noise[..., 0], 1, 1),
    ]
    correlation = np.corrcoef([column.ravel() for column in columns])
    np.testing.assert_allclose(correlation, np.eye(4), atol=4 / SIDE)


@pytest.mark.parametrize("kind", ["gaussian_noise", "shot_noise"])
def test_a_channel_that_is_bright_by_chance_is_so_at_every_severity(kind: str) -> None:
    mild, *harder = (image.astype(int) for image in corrupt_each(flat(128), "a", kind, SEVERITIES))
    for image in harder:
        brighter, darker = mild > 150, mild < 106
        assert (image[brighter] >= 128).all()
        assert (image[darker] <= 128).all()
