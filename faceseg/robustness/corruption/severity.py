"""The result type of a corruption: a function from the severity to the image."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
ImageAtSeverity = Callable[[int], Image]  # returns a new image at a severity from 1 to 5

REFERENCE_SIDE = 224  # side in pixels of the pictures for which the constants were chosen


def size_ratio(image: Image) -> float:
    """Return the side of an image (H, W, 3), the root of its pixels, over REFERENCE_SIDE."""
    height, width = image.shape[:2]
    return math.sqrt(height * width) / REFERENCE_SIDE
