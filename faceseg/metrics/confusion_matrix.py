"""Scores of label maps, all computed from one confusion matrix.

Pixels are counted over the whole split and divided once, so a score does not change with the
batch size or the order of the images. The matrices of parts of a split (images, batches, workers)
add up to the matrix of the whole.

Shapes: N images, H rows, W columns, C classes. Every matrix is int64, its rows the truth, its
columns the prediction; class 0 is the background, all others foreground. Scores are fractions in
[0, 1]. A ratio of nothing to nothing (a class that occurs nowhere) is NaN and is left out of every
mean; a mean of no values is NaN.
Source: Long et al. 2015 (mean IU, frequency-weighted IU), Everingham et al. 2010 (IoU).
"""

import numpy as np
from numpy.typing import NDArray

from faceseg.data.classes import ClassSet
from faceseg.metrics.label_pairs import joint_histogram, pair_codes

Counts = NDArray[np.int64]
Fractions = NDArray[np.float64]
Labels = NDArray[np.integer]

MIN_PRESENT_PIXELS = 16  # fewer predicted pixels than this do not count as a false presence


def confusion(true: Labels, pred: Labels, num_classes: int) -> Counts:
    """Count the pixels of each (truth, prediction) pair.

    Args:
        true: Ids 0 to C-1, any shape. Pixels with 255 are left out, whatever is predicted there.
        pred: Ids 0 to C-1, same shape.
        num_classes: C.

    Returns:
        The confusion matrix, shape (C, C).

    Raises:
        ValueError: The shapes differ, or an id is out of range.

    Example:
        >>> confusion(np.array([0, 0, 1, 255]), np.array([0, 1, 1, 0]), num_classes=2)
        array([[1, 1],
               [0, 1]])
    """
    counts = joint_histogram(true, pred, num_classes)
    if counts is not None:
        return counts
    codes = pair_codes(true, pred, num_classes)
    counts = np.bincount(codes.ravel(), minlength=num_classes**2 + 1)[:-1]
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def confusion_per_image(true: Labels, pred: Labels, num_classes: int) -> Counts:
    """Count each image of (N, H, W) separately, shape (N, C, C); otherwise as `confusion`.

    Example:
        >>> per_image = confusion_per_image(true_labels, predicted_labels, num_classes=11)
    """
    images, cells = len(true), num_classes**2 + 1
    codes = pair_codes(true, pred, num_classes).reshape(images, -1)
    codes = codes + cells * np.arange(images)[:, None]
    counts = np.bincount(codes.ravel(), minlength=images * cells)
    per_image = counts.reshape(images, cells)[:, :-1]
    return per_image.reshape(images, num_classes, num_classes).astype(np.int64)


def class_iou(counts: Counts) -> Fractions:
    """Return the IoU of each class, TP/(TP+FP+FN): (..., C, C) -> (..., C).

    Example:
        >>> class_iou(np.array([[1, 1], [0, 1]]))
        array([0.5, 0.5])
    """
    hit, predicted, actual = _totals(counts)
    return ratio(hit, predicted + actual - hit)


def class_dice(counts: Counts) -> Fractions:
    """Return the Dice (F1) of each class, 2TP/(2TP+FP+FN): (..., C, C) -> (..., C).

    Example:
        >>> class_dice(np.array([[2, 2], [0, 2]]))
        array([0.66666667, 0.66666667])
    """
    hit, predicted, actual = _totals(counts)
    return ratio(2 * hit, predicted + actual)


def class_precision(counts: Counts) -> Fractions:
    """Return the precision TP/(TP+FP), (..., C, C) -> (..., C); NaN for a class never predicted.

    Example:
        >>> class_precision(np.array([[1, 1], [0, 1]]))
        array([1. , 0.5])
    """
    hit, predicted, _ = _totals(counts)
    return ratio(hit, predicted)


def class_recall(counts: Counts) -> Fractions:
    """Return the recall TP/(TP+FN), (..., C, C) -> (..., C); NaN for a class not in the truth.

    Example:
        >>> class_recall(np.array([[1, 1], [0, 1]]))
        array([0.5, 1. ])
    """
    hit, _, actual = _totals(counts)
    return ratio(hit, actual)


def scores(counts: Counts, classes: ClassSet) -> dict[str, float]:
    """Compute all scores of one matrix, by the names under which they are logged.

    Args:
        counts: The confusion matrix, shape (C, C).
        classes: The C classes.

    Returns:
        `iou`, `dice`, `precision` and `recall` are means over the foreground classes;
        `iou/<class>` and the like are those of single classes. `classes_averaged` is the number
        of foreground classes that have an IoU and are part of the mean `iou`.

    Raises:
        ValueError: The matrix does not have the size of the class set.

    Example:
        >>> scores(counts, LAPA)["iou/left_eye"]
    """
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"counts of shape {counts.shape} for a set of {len(classes)} classes")
    by_class = {
        "iou": class_iou(counts),
        "dice": class_dice(counts),
        "precision": class_precision(counts),
        "recall": class_recall(counts),
    }
    iou = by_class["iou"]
    found = {name: float(mean_of_defined(ratios[1:])) for name, ratios in by_class.items()}
    found["iou_with_background"] = float(mean_of_defined(iou))
    found["iou_small"] = float(mean_of_defined(iou[list(classes.small)]))
    found["pixel_accuracy"] = pixel_accuracy(counts)
    found["frequency_weighted_iou"] = frequency_weighted_iou(counts)
    found["classes_averaged"] = float(np.isfinite(iou[1:]).sum())
    for name, ratios in by_class.items():
        for label, value in zip(classes.names, ratios, strict=True):
            found[f"{name}/{label}"] = float(value)
    return found


def pixel_accuracy(counts: Counts) -> float:
    """Return the share of correctly predicted pixels; NaN for an empty matrix.

    Example:
        >>> pixel_accuracy(np.array([[2, 1], [0, 1]]))
        0.75
    """
    return float(ratio(np.trace(counts), counts.sum()))


def frequency_weighted_iou(counts: Counts) -> float:
    """Return the mean IoU weighted by the classes' pixels in the truth; NaN for an empty matrix.

    Example:
        >>> frequency_weighted_iou(np.array([[1, 1], [0, 2]]))  # (2 * 1/2 + 2 * 2/3) / 4
        0.5833333333333333
    """
    pixels = counts.sum(axis=1)
    weighted = np.where(pixels > 0, class_iou(counts), 0.0) * pixels
    return float(ratio(weighted.sum(), pixels.sum()))


def per_image_iou(counts: Counts, classes: ClassSet) -> Fractions:
    """Return the IoU of each image, (N, C, C) -> (N,).

    It is the mean over the foreground classes present in the image's truth, and NaN for an image
    whose truth is all background. Raises ValueError if the matrices do not fit the class set.

    Example:
        >>> worst_tenth(per_image_iou(counts, LAPA))
    """
    if counts.shape[1:] != (len(classes), len(classes)):
        raise ValueError(f"counts of shape {counts.shape} for a set of {len(classes)} classes")
    present = counts.sum(axis=2) > 0
    return mean_of_defined(np.where(present, class_iou(counts), np.nan)[:, 1:])


def worst_tenth(per_image: Fractions) -> float:
    """Return the mean of the lowest tenth (rounded up) of the scores (N,); NaN is left out.

    Example:
        >>> worst_tenth(np.array([0.9, 0.2, 0.8]))
        0.2
    """
    defined = np.sort(per_image[np.isfinite(per_image)])
    return float(mean_of_defined(defined[: -(-len(defined) // 10)]))


def false_presence(counts: Counts) -> Fractions:
    """Return how often each class is predicted in images without it, (N, C, C) -> (C,).

    A class counts as predicted in an image from 16 pixels on. The share is NaN for a class that
    occurs in every image.

    Example:
        >>> share = false_presence(confusion_per_image(true_labels, predicted_labels, 11))
    """
    absent = counts.sum(axis=2) == 0
    predicted = counts.sum(axis=1) >= MIN_PRESENT_PIXELS
    return ratio((absent & predicted).sum(axis=0), absent.sum(axis=0))


def mean_of_defined(values: Fractions) -> Fractions:
    """Return the mean over the last axis of the values that are not NaN; NaN without any."""
    defined = np.isfinite(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _totals(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """Return hits, predicted pixels and true pixels of each class, each (..., C)."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    return hit, counts.sum(axis=-2), counts.sum(axis=-1)


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> Fractions:
    """Divide in float64; NaN where `whole` is 0.

    Example:
        >>> ratio(np.array([1, 0]), np.array([2, 0]))
        array([0.5, nan])
    """
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    missing = np.full(np.broadcast_shapes(parts.shape, wholes.shape), np.nan)
    ratios: Fractions = np.divide(parts, wholes, out=missing, where=wholes > 0)
    return ratios
