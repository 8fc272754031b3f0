"""Augmentation moves image and labels together and depends only on its seed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from faceseg.data.augmentation import (
    Augmentation,
    Transform,
    affine_matrix,
    apply_transform,
    augment,
    flip,
    sample_transform,
)
from faceseg.data.classes import IGNORE, LAPA

Pixels = NDArray[np.uint8]
ALL_OFF = Augmentation(rotation_degrees=0, zoom=0, shift=0, flip=False, brightness=0, contrast=0)
STRONG = Augmentation(
    rotation_degrees=30, zoom=0.25, gamma=0.5, hue_degrees=20, saturation=0.3, grey=0.1,
    blur=0.01, noise=0.05, jpeg=0.7,
)  # fmt: skip
SEEDS = [(0, epoch, index) for epoch in range(10) for index in range(40)]


def noise(height: int = 32, width: int = 40) -> tuple[Pixels, Pixels]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return image, rng.integers(0, 11, (height, width), dtype=np.uint8)


def drawn(**ranges: float) -> list[Transform]:
    return [sample_transform(ALL_OFF.model_copy(update=ranges), seed) for seed in SEEDS]


@pytest.mark.parametrize(
    ("name", "limit", "value"),
    [
        ("rotation_degrees", 10, lambda change: change.degrees),
        ("zoom", 0.1, lambda change: change.scale - 1),
        ("shift", 0.1, lambda change: change.shift_x),
        ("shift", 0.1, lambda change: change.shift_y),
        ("brightness", 0.1, lambda change: change.brightness),
        ("contrast", 0.2, lambda change: change.contrast - 1),
        ("hue_degrees", 30, lambda change: change.hue_degrees),
        ("saturation", 0.5, lambda change: change.saturation - 1),
        # The exponent is from 1 / 1.5 to 1.5: its logarithm is sampled uniformly.
        ("gamma", 0.5, lambda change: 0.5 * math.log(change.gamma) / math.log(1.5)),
    ],
)
def test_each_range_is_sampled_in_both_directions_and_alone(name, limit, value) -> None:  # type: ignore[no-untyped-def]  # parametrised
    values = np.array([value(change) for change in drawn(**{name: limit})])
    assert -limit <= values.min() < -0.9 * limit
    assert 0.9 * limit < values.max() <= limit
    assert abs(values.mean()) < 0.15 * limit
    untouched = {"rotation_degrees": "degrees", "zoom": "scale", "shift": "shift_x"}
    for other, field in untouched.items():
        if other != name:
            assert {getattr(each, field) for each in drawn(**{name: limit})} == {
                1.0 if field == "scale" else 0.0
            }


def test_half_of_the_images_are_mirrored() -> None:
    share = np.mean([change.flip for change in drawn(flip=True)])
    assert 0.42 < share < 0.58  # 400 draws: 3 standard deviations are 0.075


# Sampled before the parts that are off by default existed: they must not change these numbers.
BEFORE = Transform(
    degrees=-8.731179406813572,
    scale=1.0415009509639417,
    shift_x=-0.044487879245790854,
    shift_y=0.007203276085502819,
    flip=True,
    brightness=0.05343239953798076,
    contrast=1.1871853398892778,
)


def test_a_new_part_changes_no_older_one() -> None:
    assert replace(sample_transform(Augmentation(), (1, 2, 3)), noise_at=(0.0, 0.0)) == BEFORE
    found = sample_transform(STRONG, (1, 2, 3))
    assert (found.flip, found.shift_x) == (BEFORE.flip, BEFORE.shift_x)
    assert found.degrees == pytest.approx(3 * BEFORE.degrees)  # 30 in place of 10 degrees


def test_parts_that_are_off_are_in_no_digest() -> None:
    assert set(Augmentation().model_dump()) == {
        *("rotation_degrees", "zoom", "shift", "flip", "brightness", "contrast", "strength")
    }
    assert Augmentation.model_validate(STRONG.model_dump()) == STRONG


@pytest.mark.parametrize(
    ("name", "value", "degraded"),
    [
        ("blur", lambda change: change.blur / STRONG.blur, lambda change: change.blur > 0),
        ("noise", lambda change: change.noise / STRONG.noise, lambda change: change.noise > 0),
        ("jpeg", lambda change: (1 - change.quality / 100) / 0.7, lambda each: each.quality < 100),
    ],
)
def test_a_share_of_the_images_is_degraded_up_to_the_value(name, value, degraded) -> None:  # type: ignore[no-untyped-def]  # parametrised
    changes = drawn(**{name: getattr(STRONG, name), "degraded": 0.3})
    assert 0.23 < np.mean([degraded(each) for each in changes]) < 0.37  # 400 draws: 3 deviations
    values = [value(each) for each in changes if degraded(each)]
    assert min(values) < 0.1
    assert 0.9 < max(values) <= 1.01
    assert not any(degraded(each) for each in drawn(**{name: getattr(STRONG, name), "degraded": 0}))


def test_a_share_of_the_images_is_grey() -> None:
    share = np.mean([change.saturation == 0 for change in drawn(grey=0.2)])
    assert 0.14 < share < 0.26  # 400 draws: 3 standard deviations are 0.06


def test_colours_and_sharpness_leave_the_labels() -> None:
    image, labels = noise()
    still = STRONG.model_copy(update={"rotation_degrees": 0, "zoom": 0, "shift": 0, "flip": False})
    for seed in SEEDS[:20]:
        changed, ids = augment(image, labels, still, LAPA, seed)
        assert changed.shape == image.shape
        assert not np.array_equal(changed, image)
        np.testing.assert_array_equal(ids, labels)


def test_the_occluder_is_drawn_after_the_warp_and_before_the_colours() -> None:
    image, labels = np.full((8, 8, 3), 100, np.uint8), np.ones((8, 8), np.uint8)

    def occlude(image: Pixels, labels: Pixels) -> tuple[Pixels, Pixels]:
        assert labels[0, 0] == IGNORE  # it has moved
        image, labels = image.copy(), labels.copy()
        image[:2], labels[:2] = 200, 0
        return image, labels

    change = Transform(shift_x=0.25, brightness=0.1)
    found, ids = apply_transform(image, labels, change, LAPA, occlude=occlude)
    assert found[0, 0].tolist() == [226] * 3  # 200 + 25.5, rounded
    assert ids[0].tolist() == [0] * 8
    assert ids[2].tolist() == [IGNORE] * 2 + [1] * 6


def test_strength_scales_and_zero_changes_nothing() -> None:
    half = sample_transform(Augmentation(strength=0.5), (1, 2, 3))
    full = sample_transform(Augmentation(), (1, 2, 3))
    assert half.degrees == pytest.approx(full.degrees / 2)
    assert half.contrast - 1 == pytest.approx((full.contrast - 1) / 2)
    image, labels = noise()
    off = STRONG.model_copy(update={"strength": 0.0})
    for seed in SEEDS[:20]:
        same, ids = augment(image, labels, off, LAPA, seed)
        assert np.array_equal(same, image)
        assert np.array_equal(ids, labels)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    image, labels = noise()
    first = augment(image, labels, STRONG, LAPA, (7, 3, 5))
    again = augment(image, labels, STRONG, LAPA, (7, 3, 5))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    for seed in ((8, 3, 5), (7, 4, 5), (7, 3, 6)):
        assert not np.array_equal(augment(image, labels, STRONG, LAPA, seed)[0], first[0])


def test_the_inputs_are_not_modified() -> None:
    image, labels = noise()
    image.setflags(write=False)
    labels.setflags(write=False)
    for seed in SEEDS[:20]:
        augment(image, labels, STRONG, LAPA, seed)


def test_flip_mirrors_and_exchanges_the_sides() -> None:
    image = np.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], dtype=np.uint8)
    labels = np.array([[2, 4, 255]], dtype=np.uint8)  # left brow, left eye, ignored
    mirrored, ids = flip(image, labels, LAPA)
    assert mirrored.tolist() == [[[7, 8, 9], [4, 5, 6], [1, 2, 3]]]
    assert ids.tolist() == [[255, 5, 3]]


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_flip_twice_is_the_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (5, 1 + seed % 7, 3), dtype=np.uint8)
    labels = rng.integers(0, 11, image.shape[:2], dtype=np.uint8)
    back, ids = flip(*flip(image, labels, LAPA), LAPA)
    assert np.array_equal(back, image)
    assert np.array_equal(ids, labels)


def test_a_whole_pixel_shift_is_exact() -> None:
    image, labels = noise(32, 40)
    # A tenth of 40 columns and of 30 rows: 4 to the right and 3 up.
    moved, ids = apply_transform(
        image[:30], labels[:30], Transform(shift_x=0.1, shift_y=-0.1), LAPA
    )
    np.testing.assert_array_equal(moved[:27, 4:], image[3:30, :36])
    np.testing.assert_array_equal(ids[:27, 4:], labels[3:30, :36])
    assert np.all(ids[27:] == IGNORE)
    assert np.all(ids[:, :4] == IGNORE)


def test_a_rotation_by_90_degrees_is_exact() -> None:
    image, labels = noise(32, 32)
    turned, ids = apply_transform(image, labels, Transform(degrees=90), LAPA)
    np.testing.assert_array_equal(turned, np.rot90(image, -1))
    np.testing.assert_array_equal(ids, np.rot90(labels, -1))


def test_pixels_beyond_the_border_are_reflected_and_ignored() -> None:
    image = np.arange(10, dtype=np.uint8)[None, :, None].repeat(4, axis=0).repeat(3, axis=2)
    labels = np.ones((4, 10), dtype=np.uint8)
    moved, ids = apply_transform(image, labels, Transform(shift_x=0.2), LAPA)
    assert moved[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 5, 6, 7]
    assert ids[0].tolist() == [255, 255, 1, 1, 1, 1, 1, 1, 1, 1]


def test_image_and_labels_stay_on_each_other() -> None:
    # The image encodes its own labels: blocks of 16 pixels, 20 grey levels for each id.
    rng = np.random.default_rng(1)
    blocks = np.kron(rng.integers(0, 11, (8, 8)), np.ones((16, 16))).astype(np.uint8)
    image = np.repeat(blocks[..., None] * 20, 3, axis=2).astype(np.uint8)
    for seed in SEEDS[:30]:
        moved, ids = augment(
            image, blocks, Augmentation(brightness=0, contrast=0, flip=False), LAPA, seed
        )
        counted = ids != IGNORE
        decoded = np.rint(moved[..., 0] / 20)
        # Only pixels on an edge between blocks may differ, where the image is a mixture.
        assert np.mean(decoded[counted] == ids[counted]) > 0.9
        exact = counted & (moved[..., 0] % 20 == 0)
        assert np.mean(decoded[exact] == ids[exact]) > 0.985


def test_image_and_labels_do_not_slip_by_half_a_pixel() -> None:
    # A ramp of column numbers, as an image and as labels (here the ids have no meaning).
    ramp = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    image = np.repeat(ramp[..., None], 3, axis=2)
    for seed in SEEDS[:20]:
        change = sample_transform(Augmentation(brightness=0, contrast=0, flip=False), seed)
        moved, ids = apply_transform(image, ramp, change, LAPA)
        inside = (ids > 2) & (ids < 197)
        slip = moved[..., 0][inside].astype(float) - ids[inside]
        assert abs(slip.mean()) < 0.02
        assert np.abs(slip).max() <= 1


def test_the_matrix_keeps_the_centre_and_rotates_clockwise() -> None:
    matrix = affine_matrix(Transform(degrees=90, scale=1.0), height=3, width=5)
    assert matrix @ [2, 1, 1] == pytest.approx([2, 1])  # the centre of 5 x 3 pixels
    assert matrix @ [3, 1, 1] == pytest.approx([2, 2])  # right goes down


def test_brightness_and_contrast_by_hand() -> None:
    image = np.array([[[0, 100, 255]]], dtype=np.uint8)
    labels = np.array([[3]], dtype=np.uint8)
    brighter, ids = apply_transform(
        image, labels, Transform(brightness=0.2), LAPA
    )  # 51 levels more
    assert brighter.tolist() == [[[51, 151, 255]]]
    assert ids.tolist() == [[3]]
    # Half the contrast about 127.5: 63.75, 113.75, 191.25.
    assert apply_transform(image, labels, Transform(contrast=0.5), LAPA)[0].tolist() == [
        [[64, 114, 191]]
    ]


def test_ranges_are_checked_on_creation() -> None:
    for wrong in ({"zoom": 1.0}, {"rotation_degrees": -1}, {"shear": 0.1}, {"jpeg": 1.0}):
        with pytest.raises(ValidationError):
            Augmentation.model_validate(wrong)
