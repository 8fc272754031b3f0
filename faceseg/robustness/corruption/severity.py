"""What a corruption comes to: an image for each severity, from one draw."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
ImageAtSeverity = Callable[[int], Image]  # the image at a severity from 1 to 5, made anew

REFERENCE_SIDE = 224  # pixels of the pictures that the constants are for


def size_ratio(image: Image) -> float:
    """Return by how much lengths in this image (H, W, 3) exceed those in one of SIDE pixels."""
    height, width = image.shape[:2]
    return math.sqrt(height * width) / REFERENCE_SIDE
