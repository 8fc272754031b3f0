"""The scale at which an occluder covers a wanted share of the face."""

import math

import numpy as np
from numpy.typing import NDArray

from faceseg.robustness.occlusion.scene import NEVER


def scale_for(growth: NDArray[np.int32], share: float) -> int:
    """Find the scale whose mask covers the share of the face nearest to `share`.

    growth: that of the face's pixels, sorted (K,), K at least 1. If the two neighbours are
    equally near, the smaller mask is taken; a larger share never gets a smaller scale.
    """
    wanted = share * len(growth)
    # What a bisection of all scales ends at: the growth of the last pixel that is needed.
    last = max(0, math.ceil(wanted) - 1)
    high = min(max(int(growth[last]), 1), NEVER - 1)
    low = high - 1
    missing = wanted - covered(growth, low)
    excess = covered(growth, high) - wanted
    return high if excess < missing else low


def covered(growth: NDArray[np.int32], scale: int) -> int:
    """Count the pixels that are covered at a scale; growth (K,) is sorted."""
    return int(np.searchsorted(growth, scale, side="right"))
