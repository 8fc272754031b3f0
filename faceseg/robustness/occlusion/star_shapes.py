"""Star-shaped sets: they contain the line from each point to an anchor, so scales are nested.

A direction is represented by its diamond angle, |dy| / (|dx| + |dy|), extended over the four
quadrants to [0, 4), and a length is |dx| + |dy|. Both are plain divisions and sums, which every
platform rounds in the same way, so that masks are the same everywhere.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIRECTIONS = 4096
UNIT = 2**16  # the scale at which a shape has its drawn size

_FARTHEST = 2.0**30


def star_growth(
    size: tuple[int, int], anchor: tuple[float, float], reach: Floats
) -> NDArray[np.int32]:
    """Return the growth of a star-shaped set, as in `Occluder.growth`.

    Args:
        size: Height and width of the image.
        anchor: The centre (x, y).
        reach: The length from the anchor to the outline for each direction, (DIRECTIONS,), in
            pixels at scale UNIT; above 0 everywhere.

    Returns:
        The scale at which each pixel becomes covered, (H, W) int32.
    """
    height, width = size
    across = np.arange(width, dtype=np.float64)[None, :] - anchor[0]
    down = np.arange(height, dtype=np.float64)[:, None] - anchor[1]
    angle, length = _diamond(across, down)
    place = np.minimum((angle * (DIRECTIONS / 4)).astype(np.int32), DIRECTIONS - 1)
    growth = length / reach[place] * UNIT
    return np.minimum(growth, _FARTHEST).astype(np.int32)


def convex_reach(points: Floats) -> Floats:
    """Return the reach of a convex polygon (K, 2) that contains the anchor (0, 0)."""
    edges = np.roll(points, -1, axis=0) - points
    outward = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
    offset = (outward * points).sum(axis=1)  # of the same sign for all edges, in either direction
    slopes = outward / offset[:, None]
    across, down = _directions()
    reach: Floats = 1.0 / (across * slopes[:, :1] + down * slopes[:, 1:]).max(axis=0)
    return reach


def outline_reach(points: Floats) -> Floats:
    """Return the reach of a dense star-shaped outline (K, 2) around the anchor (0, 0)."""
    angle, length = _diamond(points[:, 0], points[:, 1])
    order = np.argsort(angle, kind="stable")
    middles = (np.arange(DIRECTIONS) + 0.5) * (4 / DIRECTIONS)
    reach: Floats = np.interp(middles, angle[order], length[order], period=4.0)
    return reach


@cache
def _directions() -> Floats:
    """Return the middle of each direction, with |dx| + |dy| = 1, (2, DIRECTIONS)."""
    angle = (np.arange(DIRECTIONS) + 0.5) * (4 / DIRECTIONS)
    across = np.abs((angle % 4) - 2) - 1
    down = 1 - np.abs(angle - 1)
    down = np.where(angle > 2, np.abs(angle - 3) - 1, down)
    return np.stack([across, down])


def _diamond(across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return the diamond angle and the length of vectors (across, down); inputs broadcast."""
    length = np.abs(across) + np.abs(down)
    part = np.abs(down) / np.where(length > 0, length, 1.0)
    upper = np.where(across >= 0, 4.0 - part, 2.0 + part)
    lower = np.where(across >= 0, part, 2.0 - part)
    return np.where(down >= 0, lower, upper), length
