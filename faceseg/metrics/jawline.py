"""The jawline as a curve, and the distance of a predicted one from the true one.

The jawline is the lower outline of skin and beard between the ears. For each column x between the
mean columns of both ears it has the point (x, y), where y is the lowest row with skin or beard;
neighbouring points are joined by lines. Left out are columns without skin, columns whose skin
reaches the image's lower edge, and columns with ignored truth (255) below the skin, where the jaw
is not known. The ears are those of the truth, also for the predicted curve.

The distance is the mean over the pixels of the true curve of the distance to the nearest pixel of
the predicted one, and the same from the predicted to the true curve; their average is the average
symmetric distance of both curves. It is given in per cent of the face's width w, the distance
between the mean columns of the ears:

    d(A, B) = mean over a in A of (min over b in B of |a - b|)
    distance = 100 (d(true, pred) + d(pred, true)) / (2 w)

A prediction without skin between the ears has the distance 100. A score of many images is the mean
over those whose truth has a jawline: it shows both ears and skin between them.

Source: the definition is our own; the average symmetric distance is that of Heimann et al. 2009,
"Comparison and Evaluation of Methods for Liver Segmentation From CT Datasets".
Shapes: H rows, W columns, n columns of the curve.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import IGNORE, ClassSet
from faceseg.metrics.confusion_matrix import Fractions, ratio

WITHOUT_CURVE = 100.0  # per cent: the distance of a prediction without skin between the ears
_NONE = -1  # the row of a column without a point


def jawline_counts(
    true: NDArray[np.uint8], pred: NDArray[np.uint8], classes: ClassSet
) -> Fractions:
    """Measure the jawline of one image.

    Args:
        true: Ids of the class set, 255 where ignored, shape (H, W).
        pred: Ids of the class set, shape (H, W).
        classes: A class set with ears.

    Returns:
        (2,): the distance in per cent of the face's width, and 1; zeros if the truth has no
        jawline. The values of several images can be added.

    Raises:
        ValueError: The shapes differ, or the class set has no ears.

    Example:
        >>> mean_jawline_distance(jawline_counts(true, pred, CELEBAMASK19))
    """
    if true.shape != pred.shape or true.ndim != 2:
        raise ValueError(
            f"truth has shape {true.shape}, prediction {pred.shape}: expected the same (H, W)"
        )
    if not classes.ears:
        raise ValueError("the class set has no ears, between which a jawline could be measured")
    sides = [np.flatnonzero(true == ear) % true.shape[1] for ear in classes.ears]
    if not all(columns.size for columns in sides):
        return np.zeros(2)
    left, right = sorted(float(columns.mean()) for columns in sides)
    between = slice(int(np.ceil(left)), int(right) + 1)
    true, pred = true[:, between], pred[:, between]
    rows, known = _lowest_rows(true, classes), _known_below(true, classes)
    rows = np.where(known, rows, _NONE)
    if right - left < 1 or not np.any(rows != _NONE):
        return np.zeros(2)
    found = np.where(known, _lowest_rows(pred, classes), _NONE)
    if not np.any(found != _NONE):
        return np.array([WITHOUT_CURVE, 1])
    distance = _symmetric_distance(_drawn(rows, true.shape), _drawn(found, true.shape))
    return np.array([100 * distance / (right - left), 1])


def mean_jawline_distance(counts: Fractions) -> float:
    """Return the mean distance in per cent from added counts (2,); NaN if no image has one."""
    return float(ratio(counts[0], counts[1]))


def _lowest_rows(labels: NDArray[np.uint8], classes: ClassSet) -> NDArray[np.int64]:
    """Return the lowest row with skin or beard in each column, (n,); -1 where there is none."""
    region = _region(labels, classes)
    lowest = len(labels) - 1 - np.argmax(region[::-1], axis=0)
    return np.where(region.any(axis=0), lowest, _NONE)


def _known_below(true: NDArray[np.uint8], classes: ClassSet) -> NDArray[np.bool_]:
    """Return whether the true jaw is known in each column, (n,)."""
    lowest = _lowest_rows(true, classes)
    below = np.arange(len(true))[:, None] > lowest
    hidden = np.any((true == IGNORE) & below, axis=0)
    known: NDArray[np.bool_] = ~hidden & (lowest < len(true) - 1)
    return known


def _region(labels: NDArray[np.uint8], classes: ClassSet) -> NDArray[np.bool_]:
    region: NDArray[np.bool_] = labels == classes.skin
    return region if classes.beard is None else region | (labels == classes.beard)


def _drawn(rows: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Draw the curve; points of neighbouring columns are joined, gaps stay open."""
    canvas = np.zeros(shape, dtype=np.uint8)
    columns = np.flatnonzero(rows != _NONE)
    canvas[rows[columns], columns] = 1  # OpenCV draws no line of a single point
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        points = np.stack([part, rows[part]], axis=1).astype(np.int32)
        cv2.polylines(canvas, [points], isClosed=False, color=1)
    return canvas > 0


def _symmetric_distance(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    to_other, to_one = (
        cv2.distanceTransform((~curve).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for curve in (other, one)
    )
    return (float(to_other[one].mean()) + float(to_one[other].mean())) / 2
