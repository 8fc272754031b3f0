"""A move: what is done to an image, and to labels so that they stay on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Move:
    """A geometric change that keeps the size (H, W).

    `image` moves an image (H, W, 3), `labels` a label map (H, W) by the nearest pixel. What
    comes in over the border was never photographed: the border's colours run on there, so that
    no edge and no second face appears, and its labels are 255, so that nothing is scored.
    """

    image: Callable[[Image], Image]
    labels: Callable[[Labels], Labels]


def unmoved(labels: Labels) -> Labels:
    """Return labels as they are: those of an image that has lost detail only."""
    return labels
