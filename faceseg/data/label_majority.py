"""Resizing of labels by area: each new pixel takes the class that covers most of it.

The nearest pixel is one sample of a new pixel's area, so a part that is thinner than a new pixel
appears in some pixels and not in their neighbours, by chance. Areas are whole numbers here (an old
row is cut into as many units as there are new rows), so equal areas are found exactly.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8]
Areas = NDArray[np.int64]


def majority_labels(labels: Labels, nearest: Labels) -> Labels:
    """Return the class with the largest area in each pixel of a smaller grid.

    An old pixel on the edge of a new one counts by the part that is inside. Ignored pixels count
    as a class of their own: an area that is mostly unknown stays ignored.

    Args:
        labels: Ids (H, W).
        nearest: The same labels on the new grid, (h, w) with h <= H and w <= W, by the nearest
            pixel. Among classes of equal area its id is taken, or else the smallest.

    Returns:
        Ids (h, w).
    """
    largest = np.full(nearest.shape, -1, np.int64)
    of_nearest = np.zeros(nearest.shape, np.int64)
    found = np.zeros_like(nearest)
    for each in np.unique(labels):
        area = _areas(labels == each, nearest.shape)
        found[area > largest] = each
        np.maximum(largest, area, out=largest)
        of_nearest[nearest == each] = area[nearest == each]
    return np.where(of_nearest == largest, nearest, found)


def _areas(covered: NDArray[np.bool_], size: tuple[int, ...]) -> Areas:
    """Return the covered area of each new pixel, in units of 1 / (h w) of an old one.

    A sum over a rectangle is read from an integral image (Crow 1984); between the corners of old
    pixels it is interpolated, which is exact since each old pixel is covered evenly.
    """
    sums: NDArray[np.integer] = cv2.integral(covered.view(np.uint8))
    for axis, count in enumerate(size):
        edges, parts = np.divmod(np.arange(count + 1) * covered.shape[axis], count)
        parts = parts.reshape((-1, 1) if axis == 0 else (1, -1))
        before = np.take(sums, edges, axis=axis).astype(np.int64)
        after = np.take(sums, np.minimum(edges + 1, covered.shape[axis]), axis=axis)
        sums = np.diff(before * (count - parts) + after * parts, axis=axis)
    return np.asarray(sums, np.int64)
