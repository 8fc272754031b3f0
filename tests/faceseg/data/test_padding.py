"""Batches that are filled up to a fixed number of images."""

import numpy as np

from faceseg.data.classes import IGNORE
from faceseg.data.padding import pad_batch, pad_images


def test_a_batch_is_padded_with_ignored_pixels() -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    labels = np.ones((3, 2, 2), np.uint8)
    padded = pad_batch(images, labels, 4)
    assert [each[0, 0, 0] for each in padded[0]] == [0, 1, 2, 0]
    assert (padded[1][:3] == 1).all()
    assert (padded[1][3] == IGNORE).all()


def test_a_batch_of_less_than_half_the_size_is_padded() -> None:
    images, labels = np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 2, 2), np.uint8)
    padded = pad_batch(images, labels, 4)
    assert padded[0].shape == (4, 2, 2, 3)
    assert (padded[1][1:] == IGNORE).all()


def test_a_batch_of_that_size_or_a_larger_one_is_unchanged() -> None:
    images, labels = np.zeros((4, 2, 2, 3), np.uint8), np.zeros((4, 2, 2), np.uint8)
    for size in (0, 3, 4):
        same = pad_batch(images, labels, size)
        assert same[0] is images
        assert same[1] is labels
        assert pad_images(images, size) is images
