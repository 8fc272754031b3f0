"""Boundary IoU: how well the outlines of a label map fit, per class.

The boundary of a class is its pixels within `distance` of its outline (the image's edge
is outline too). Intersections and unions of the two boundaries are counted over the
whole split and divided once.

Source: Cheng et al. 2021, with two departures: the width is 0.5 % of the diagonal, since
their 2 % is wider than an eye here; and truth that is ignored (255) makes no outline, in
the truth or in the prediction, so that an ignored occluder is not scored by its edge.
Shapes: H rows, W columns, C classes.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE
from faceseg.inference.predictor import Labels
from faceseg.metrics.confusion_matrix import Counts, Fractions, ratio

WIDTH = 0.005  # of the image's diagonal

_MAX_CLASSES = 253  # ids are shifted by one, beside 0 (outside) and 255 (ignored)


def boundary_distance(height: int, width: int) -> int:
    """Return the boundary's width in pixels for images of this size, at least 1."""
    return max(1, round(WIDTH * math.hypot(height, width)))


def boundary_counts(
    true: NDArray[np.uint8], pred: NDArray[np.uint8], num_classes: int, distance: int
) -> Counts:
    """Count boundary pixels of one image, (H, W) and (H, W) -> (C, 2).

    Column 0 is the intersection of a class's two boundaries, column 1 their union.
    The counts of several images are summed. Raises ValueError on unequal shapes, on a
    distance below 1 and on ids out of range.
    """
    if true.shape != pred.shape or true.ndim != 2:
        raise ValueError(f"truth has shape {true.shape}, prediction {pred.shape}: not one (H, W)")
    if distance < 1 or not 0 < num_classes <= _MAX_CLASSES:
        raise ValueError(f"distance {distance} and {num_classes} classes: want 1+ and 1 to 253")
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
    """Divide counts (C, 2) into the boundary IoU of each class (C,), NaN where it has none."""
    return ratio(counts[:, 0], counts[:, 1])


def _boundary(
    labels: NDArray[np.uint8], ignored: NDArray[np.bool_], num_classes: int, distance: int
) -> NDArray[np.uint8]:
    """Keep the ids of boundary pixels, all else 255.

    A pixel is inside its class if the window of `distance` around it holds one id only,
    that is if the least and the greatest id agree: two filters serve all classes.
    """
    if (labels[~ignored] >= num_classes).any():
        raise ValueError(f"ids above {num_classes - 1} in the labels")
    window = np.ones((2 * distance + 1, 2 * distance + 1), np.uint8)
    shifted = labels + np.uint8(1)  # 0 is left for what lies outside the image
    high = np.where(ignored, np.uint8(255), shifted)
    low = np.where(ignored, np.uint8(0), shifted)
    least = cv2.erode(high, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    greatest = cv2.dilate(low, window, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.where((least == greatest) | ignored, np.uint8(IGNORE), labels)


def outline_length(labels: Labels) -> int:
    """Count the pairs of neighbouring pixels, side by side or one above the other, that differ."""
    across = labels[:, 1:] != labels[:, :-1]
    down = labels[1:] != labels[:-1]
    return int(np.count_nonzero(across)) + int(np.count_nonzero(down))
