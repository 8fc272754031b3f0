"""Damped flicker, on frames whose motion is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from faceseg.data.images import resize_image
from faceseg.inference.steady import SteadyLogits

SIZE, STEP, FRAMES = 64, 2, 12  # pixels, pixels per frame
Pixels = NDArray[np.uint8]


def texture(seed: int, width: int = SIZE) -> Pixels:
    """Return an image of soft spots, which has one optical flow only."""
    coarse = np.random.default_rng(seed).integers(0, 256, (16, width // 4, 3), dtype=np.uint8)
    return resize_image(coarse, (SIZE, width))


def moving_clip() -> tuple[list[Pixels], list[Pixels]]:
    """Return frames that move to the left by 2 pixels, and labels that move with them."""
    wide = texture(0, SIZE + FRAMES * STEP)
    labels = np.zeros(wide.shape[:2], np.uint8)
    labels[20:44, 30:54] = 1
    views = [np.s_[:, STEP * number : STEP * number + SIZE] for number in range(FRAMES)]
    return [wide[view] for view in views], [labels[view] for view in views]


def noisy_logits(labels: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return logits whose argmax differs from the labels in some pixels, other ones each time."""
    return (np.eye(2)[labels] + rng.normal(0, 0.5, (*labels.shape, 2))).astype(np.float32)


def test_flicker_is_halved_and_the_labels_follow_the_motion():
    rng = np.random.default_rng(1)
    steady = SteadyLogits()
    errors, damped_errors, flicker, damped_flicker = [], [], [], []
    before: tuple[Pixels, Pixels] | None = None
    for frame, truth in zip(*moving_clip(), strict=True):
        logits = noisy_logits(truth, rng)
        plain, damped = logits.argmax(-1), steady(frame, logits).argmax(-1)
        errors.append(np.mean(plain != truth))
        damped_errors.append(np.mean(damped != truth))
        if before is not None:  # a pixel at x was at x + 2 in the frame before
            flicker.append(np.mean(plain[:, :-STEP] != before[0][:, STEP:]))
            damped_flicker.append(np.mean(damped[:, :-STEP] != before[1][:, STEP:]))
        before = plain, damped
    assert np.mean(damped_flicker) < np.mean(flicker) / 2
    assert np.mean(damped_errors[3:]) < np.mean(errors[3:]) / 2


def test_a_resting_frame_has_the_recursive_mean_of_its_logits():
    steady = SteadyLogits(memory=0.5)
    frame = texture(0)
    values = [np.full((SIZE, SIZE, 1), value, np.float32) for value in (8, 0, 2)]
    found = [steady(frame, each)[30, 30, 0] for each in values]
    # 8; 0.5 * 8 + 0.5 * 0; 0.5 * 4 + 0.5 * 2
    assert found == pytest.approx([8, 4, 3], abs=0.01)


def test_a_new_scene_starts_anew():
    steady = SteadyLogits()
    dark, bright = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)
    steady(dark, np.full((SIZE, SIZE, 2), 9, np.float32))
    logits = np.random.default_rng(0).normal(size=(SIZE, SIZE, 2)).astype(np.float32)
    np.testing.assert_allclose(steady(bright, logits), logits, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 5, 130])
def test_frames_of_any_size_and_any_number_of_classes_work(channels: int):
    steady = SteadyLogits()
    for seed in range(2):
        frame = np.random.default_rng(seed).integers(0, 256, (90, 50, 3), dtype=np.uint8)
        logits = np.ones((32, 48, channels), np.float32)
        np.testing.assert_allclose(steady(frame, logits), logits, atol=1e-6)


def test_a_small_grid_has_no_motion_to_measure():
    steady = SteadyLogits()
    for size in (1, 4, 8, 12):
        logits = np.ones((size, size, 2), np.float32)
        for _ in range(2):
            np.testing.assert_allclose(steady(texture(0), logits), logits)
