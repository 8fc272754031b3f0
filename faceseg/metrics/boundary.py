"""Boundary IoU: how well the outlines of a label map fit, per class; and the outlines' length.

The boundary of a class is its pixels within `distance` of its outline (the image's edge is outline
too). Intersections and unions of the two boundaries are counted over the whole split and divided
once.

Source: Cheng et al. 2021, with two departures. The width is 0.5 % of the diagonal, since their 2 %
is wider than an eye here. Ignored truth (255) makes no outline, in the truth or in the prediction,
so an ignored occluder is not scored by its edge.
Shapes: H rows, W columns, C classes.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.metrics.confusion_matrix import Counts, Fractions, ratio

WIDTH = 0.005  # of the image's diagonal

_MAX_CLASSES = 253  # ids are shifted by one, beside 0 (outside) and 255 (ignored)


def boundary_distance(height: int, width: int) -> int:
    """Return the boundary's width in pixels, at least 1, for images of this size in pixels."""
    return max(1, round(WIDTH * math.hypot(height, width)))


def boundary_counts(
    true: NDArray[np.uint8], pred: NDArray[np.uint8], num_classes: int, distance: int
) -> Counts:
    """Count the boundary pixels of one image.

    Args:
        true: Ids 0 to C-1, 255 where ignored, shape (H, W).
        pred: Ids 0 to C-1, shape (H, W).
        num_classes: C, at most 253.
        distance: The boundary's width in pixels, 1 or more (see `boundary_distance`).

    Returns:
        Counts (C, 2): the pixels in both boundaries of each class, and those in either. Counts of
        several images can be added.

    Raises:
        ValueError: The shapes differ, or the distance, the number of classes or an id is out of
            range.

    Example:
        >>> distance = boundary_distance(*true.shape)
        >>> boundary_iou(boundary_counts(true, pred, num_classes=11, distance=distance))
    """
    if true.shape != pred.shape or true.ndim != 2:
        raise ValueError(
            f"truth has shape {true.shape}, prediction {pred.shape}: expected the same (H, W)"
        )
    if distance < 1 or not 0 < num_classes <= _MAX_CLASSES:
        raise ValueError(
            f"distance {distance} and {num_classes} classes: expected a distance of 1 or more and "
            f"1 to {_MAX_CLASSES} classes"
        )
    ignored = true == IGNORE
    true_ids = _boundary(true, ignored, num_classes, distance)
    pred_ids = _boundary(pred, ignored, num_classes, distance)
    true_sizes, pred_sizes = (
        np.bincount(ids.ravel(), minlength=IGNORE + 1)[:num_classes] for ids in (true_ids, pred_ids)
    )
    common = true_ids[true_ids == pred_ids]
    shared = np.bincount(common, minlength=IGNORE + 1)[:num_classes]
    return np.stack([shared, true_sizes + pred_sizes - shared], axis=1).astype(np.int64)


def boundary_iou(counts: Counts) -> Fractions:
    """Return the boundary IoU of each class from counts: (C, 2) -> (C,); NaN without a boundary."""
    return ratio(counts[:, 0], counts[:, 1])


def _boundary(
    labels: NDArray[np.uint8], ignored: NDArray[np.bool_], num_classes: int, distance: int
) -> NDArray[np.uint8]:
    """Return the ids of boundary pixels, 255 elsewhere.

    A pixel is inside its class if the window of `distance` around it contains a single id, that is
    if the least and the greatest id are equal. So two filters serve all classes.
    """
    if (labels[~ignored] >= num_classes).any():
        raise ValueError(f"the labels contain ids above {num_classes - 1}")
    window = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    shifted = labels + np.uint8(1)  # 0 stands for positions outside the image
    high = np.where(ignored, np.uint8(255), shifted)
    low = np.where(ignored, np.uint8(0), shifted)
    least = cv2.erode(high, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    greatest = cv2.dilate(low, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.where((least == greatest) | ignored, np.uint8(IGNORE), labels)


def outline_length(labels: NDArray[np.uint8]) -> int:
    """Return the number of horizontally or vertically adjacent pixels (H, W) that differ."""
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    return int(np.count_nonzero(across)) + int(np.count_nonzero(down))
