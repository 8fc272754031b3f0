"""OpenCV's functions on arrays of any number of channels."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_CHANNELS = 128  # OpenCV 5 resizes and warps images with at most this many channels


def by_channels(
    function: Callable[[NDArray[np.float32]], Any], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a function's result (H, W, C) for values (h, w, C), at most 128 channels at once."""
    if values.shape[2] <= MAX_CHANNELS:
        parts = [np.asarray(function(values))]
    else:
        firsts = range(0, values.shape[2], MAX_CHANNELS)
        parts = [
            np.asarray(function(np.ascontiguousarray(values[..., each : each + MAX_CHANNELS])))
            for each in firsts
        ]
    # OpenCV drops the axis of a single channel.
    parts = [each.reshape(*each.shape[:2], -1) for each in parts]
    return np.asarray(parts[0] if len(parts) == 1 else np.concatenate(parts, -1), np.float32)
