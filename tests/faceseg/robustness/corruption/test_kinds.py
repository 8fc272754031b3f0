"""Every kind of cor-v1 depends on its key only, and changes more at higher severities."""

import hashlib
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.errors import UserError
from faceseg.robustness.corruption import KINDS, SEVERITIES, corrupt, corrupt_each, severities

Pixels = NDArray[np.uint8]

# The first 16 digits of the digests of corrupted pictures. A change requires a new version of
# the protocol. They are the same with and without AVX2 and AVX-512. `jpeg` is left out, because
# its pixels depend on the build of the JPEG library.
PINNED = {
    "gaussian_noise": "45fcf2fba247e594",
    "shot_noise": "749ef6c91a33eec4",
    "gaussian_blur": "dd9e3a38d99c6384",
    "defocus_blur": "46231521f7e950b5",
    "motion_blur": "a1bcf6a97c6cd185",
    "contrast": "f01f5969a162cc06",
    "brightness": "cd050d9b38ae0a78",
    "pixelate": "40dd8e2e392daed6",
    "low_light": "0db92287af270f2e",
    "grey": "94f7d6fb115d507d",
}
RANDOM = ("gaussian_noise", "shot_noise", "motion_blur", "low_light")


@pytest.fixture
def photo(face: Callable[..., Pixels]) -> Pixels:
    """Return a coloured picture (96, 128, 3) with uniform areas, edges and gradients."""
    labels = face(128)[16:112].astype(np.int64)
    rows, columns = np.mgrid[:96, :128]
    channels = [labels * 23 + rows // 4, labels * 11 + columns // 2, 250 - labels * 17 - rows]
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def test_the_pixels_of_cor_v1_do_not_change(photo: Pixels) -> None:
    found = {}
    for kind in PINNED:
        images = [
            image
            for size in (slice(0, 96), slice(20, 61))
            for image in corrupt_each(photo[size, : size.stop + 20], "a", kind, SEVERITIES)
        ]
        digest = hashlib.sha256(b"".join(image.tobytes() for image in images))
        found[kind] = digest.hexdigest()[:16]
    assert found == PINNED


def test_the_protocol_has_eleven_kinds_of_five_severities() -> None:
    assert set(KINDS) == {*PINNED, "jpeg"}
    assert {severities(kind) for kind in KINDS} == {(1, 2, 3, 4, 5)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_depends_on_its_key_and_not_on_earlier_calls(kind: str, photo: Pixels) -> None:
    kept = photo.copy()
    alone = corrupt(photo, "a", kind, 3)
    corrupt(photo, "b", kind, 1)
    np.testing.assert_array_equal(corrupt_each(photo, "a", kind, (5, 3, 1))[1], alone)
    np.testing.assert_array_equal(photo, kept)
    others = [corrupt(photo, "b", kind, 3), corrupt(photo, "a", kind, 3, replica=1)]
    assert [np.array_equal(alone, other) for other in others] == 2 * [kind not in RANDOM]


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_changes_more(kind: str, photo: Pixels) -> None:
    large = photo.repeat(4, axis=0).repeat(3, axis=1)  # `pixelate` needs more pixels
    images = corrupt_each(large, "a", kind, SEVERITIES)
    changes = [np.abs(image.astype(int) - large).mean() for image in images]
    assert changes[0] > 0
    assert all(milder < harder for milder, harder in pairwise(changes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (2, 31), (300, 40)])
def test_the_size_of_an_image_does_not_change(kind: str, size: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    for found in corrupt_each(image, "a", kind, SEVERITIES):
        assert found.shape == image.shape
        assert found.dtype == np.uint8
        assert found is not image


def test_an_unknown_kind_or_severity_is_a_user_error(photo: Pixels) -> None:
    with pytest.raises(UserError, match="no corruption 'fog': expected one of gaussian_noise"):
        corrupt(photo, "a", "fog", 1)
    with pytest.raises(UserError, match=r"Severity 0.2 of 'grey': expected 1, 2, 3, 4 or 5"):
        corrupt(photo, "a", "grey", 0.2)


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_no_picture_is_refused(bad: Pixels) -> None:
    with pytest.raises(ValueError, match=r"expected one uint8 RGB image \(H, W, 3\)"):
        corrupt(bad, "a", "grey", 1)
