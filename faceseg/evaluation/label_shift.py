"""The shift of a label map at which it agrees best with a prediction.

Shapes: H rows, W columns.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from faceseg.data.classes import ClassSet

Labels = NDArray[np.uint8]

MAX_SHIFT = 0.15  # of a side
SEARCH_SIDE = 128  # pixels; larger maps are sampled for the search


def shift_labels(labels: Labels, shift: tuple[int, int]) -> Labels:
    """Move labels (H, W) by (down, right) pixels; what comes into view is background."""
    down, right = shift
    moved = np.zeros_like(labels)
    height, width = labels.shape
    to = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
    source = (
        slice(max(-down, 0), height - max(down, 0)),
        slice(max(-right, 0), width - max(right, 0)),
    )
    moved[to] = labels[source]
    return moved


def best_shift(labels: Labels, predicted: Labels, classes: ClassSet) -> tuple[int, int]:
    """Return the shift (down, right) of the labels with the highest foreground IoU.

    Every shift up to `MAX_SHIFT` of the sides is tried, by cross-correlation of the classes'
    masks. Maps of more than `SEARCH_SIDE` pixels are sampled first, so the shift is a multiple of
    the sampling step.
    """
    step = -(-max(labels.shape) // SEARCH_SIDE)
    given, found = labels[::step, ::step], predicted[::step, ::step]
    reach = [max(1, round(MAX_SHIFT * side)) for side in given.shape]
    size = [fft.next_fast_len(s + r, real=True) for s, r in zip(given.shape, reach, strict=True)]
    total = np.zeros([2 * each + 1 for each in reach])
    present = 0
    for each in range(1, len(classes)):
        mine, other = given == each, found == each
        if not mine.any() and not other.any():
            continue
        present += 1
        if not mine.any() or not other.any():
            continue
        spectrum = fft.rfft2(other.astype(np.float32), size) * np.conj(
            fft.rfft2(mine.astype(np.float32), size)
        )
        correlation = fft.irfft2(spectrum, size)
        rows, columns = (np.arange(-each, each + 1) for each in reach)
        common = np.rint(correlation[np.ix_(rows, columns)])
        total += common / (mine.sum() + other.sum() - common)
    if not present:
        return 0, 0
    # Of equal ones, the shortest.
    distance = np.hypot(*np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"))
    best = np.lexsort((distance.ravel(), -np.round(total, 9).ravel()))[0]
    row, column = np.unravel_index(best, total.shape)
    return step * (int(row) - reach[0]), step * (int(column) - reach[1])
