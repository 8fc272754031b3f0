"""Fill a batch up to a fixed number of images, so that all batches have one shape.

A program that is compiled for the shape of its batches is then compiled once.
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE

Pixels = NDArray[np.uint8]


def pad_images(images: Pixels, size: int) -> Pixels:
    """Return a batch of `size` images or more: the images, and the first of them once more.

    Args:
        images: One image or more, (B, H, W, 3). They are returned as they are if B >= `size`.
        size: The number of images that are wanted.
    """
    missing = size - len(images)
    if missing <= 0:
        return images
    return np.concatenate([images, images[np.arange(missing) % len(images)]])


def pad_batch(images: Pixels, labels: Pixels, size: int) -> tuple[Pixels, Pixels]:
    """Return the images as `pad_images` does, with every pixel of the additional ones ignored.

    They change neither loss nor scores. In training they are counted in the statistics of
    BatchNorm, which are therefore slightly different.

    Args:
        images: One image or more, (B, H, W, 3).
        labels: Their labels, (B, H, W).
        size: The number of images that are wanted.
    """
    missing = size - len(images)
    if missing <= 0:
        return images, labels
    ignored = np.full((missing, *labels.shape[1:]), IGNORE, labels.dtype)
    return pad_images(images, size), np.concatenate([labels, ignored])
